/* embedded.S - files that are part of the program: none is needed when it runs
 *
 * Paths are those from the root of the repository, where make runs the assembler. */
    .section .rodata
    .macro embed name, path
    .global \name, \name\()_length
    .balign 8
\name\()_length:
    .quad \name\()_end - \name
\name:
    .incbin "\path"
\name\()_end:
    .byte 0
    .endm

    .macro embed_page name, file
    embed \name, server/page/\file
    .endm

    embed vectors_suite, tests/vectors/vectors.jsonl
    embed vectors_list, tests/vectors/list.json
    embed asset_openapi, server/openapi.json

#define PAGE_FILE(symbol, path, name, kind) embed_page symbol, name
#include "page/files.h"

    .section .note.GNU-stack, "", %progbits

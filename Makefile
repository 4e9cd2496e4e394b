# rnnloss: `make help` lists the targets, `make run` starts the daemon.

BUILD   = build
# One name for one folder: what was built by the other would seem to depend on nothing.
override BUILD := $(BUILD:$(CURDIR)/%=%)
PREFIX  = /usr/local
LIBDIR  = $(PREFIX)/lib
DESTDIR =
CC      = gcc
CXX     = g++
CFLAGS  = -O2 -g
ARGS    =

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc 2>/dev/null || echo 2)
endif
MAKEFLAGS += --no-print-directory --no-builtin-rules

# ---- Flags ------------------------------------------------------------------------------------------------------

WARNINGS = -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wcast-qual -Wundef -Wvla \
           -Wdouble-promotion -Wformat=2 -Werror
WARNINGS_C = -Wstrict-prototypes -Wmissing-prototypes
# Sanitizers and coverage bring their own instruments: they empty HARDENING and STATIC.
HARDENING = -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong
STATIC    = -static-libstdc++ -static-libgcc

PACKAGES      := $(shell pkg-config --cflags libmicrohttpd libcjson gnutls 2>/dev/null)
LIBRARIES     := -lmicrohttpd -lcjson $(shell pkg-config --libs gnutls 2>/dev/null) -lpthread -lm
TEST_PACKAGES := $(shell pkg-config --cflags cmocka libcurl 2>/dev/null)
TEST_LIBRARIES = -lcmocka -lcurl

# No flag of the caller may touch the arithmetic: -ffp-contract=off stands last.
COMMON   = $(CFLAGS) $(WARNINGS) $(HARDENING) -MMD -MP -Ilib
C_LIB    = -std=c11 $(COMMON) $(WARNINGS_C) -fPIC -fvisibility=hidden -ffp-contract=off
C_SERVER = -std=c11 -D_GNU_SOURCE -Iserver $(PACKAGES) $(COMMON) $(WARNINGS_C) -fPIE -ffp-contract=off
# Tests hold bodies of requests that are longer than the 4,095 characters that C11 promises for a literal.
C_TEST   = -Itests/e2e $(TEST_PACKAGES) $(C_SERVER) -Wno-overlength-strings
CXX_TEXT = -std=c++17 -fno-exceptions -fno-rtti -Iserver $(COMMON) -fPIE -ffp-contract=off
LINK     = $(CXX) $(CFLAGS) -Wl,-z,relro,-z,now

# ---- Files ------------------------------------------------------------------------------------------------------

VERSION := $(shell sed -n 's/^.define RNNLOSS_VERSION "\(.*\)"/\1/p' lib/rnnloss.h)
COMMIT  := $(shell tools/commit)
SONAME  := librnnloss.so.0

lib_objects    := $(patsubst %.c,$(BUILD)/%.o,$(wildcard lib/*.c))
server_objects := $(patsubst %.c,$(BUILD)/%.o,$(filter-out server/main.c,$(wildcard server/*.c))) \
                  $(patsubst %.cc,$(BUILD)/%.o,$(wildcard server/*.cc)) $(BUILD)/server/embedded.o
helper_objects := $(patsubst %.c,$(BUILD)/%.o,$(filter-out tests/e2e/e2e_%,$(wildcard tests/e2e/*.c)) \
                    $(filter-out tests/unit/test_%,$(wildcard tests/unit/*.c)))
test_programs  := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/test_*.c tests/e2e/e2e_*.c))
bench_programs := $(patsubst %.c,$(BUILD)/%,$(filter-out tests/bench/wire_%,$(wildcard tests/bench/*.c)))
wire_objects   := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/bench/wire_*.c)) \
                  $(patsubst %.cc,$(BUILD)/%.o,$(wildcard tests/bench/wire_*.cc))
libraries      := $(BUILD)/librnnloss.a $(BUILD)/$(SONAME) $(BUILD)/librnnloss.so
internals      := $(BUILD)/server.a $(BUILD)/librnnloss.a

.PHONY: all tests bench run test check oracle lint format sanitize coverage test-portability test-robustness test-validation \
        test-api test-page test-clients test-deploy deps-clients bench-clients bench-replicas bench-lib bench-wire \
        image test-image dist test-dist deb test-deb install uninstall \
        clean help setup FORCE

all: $(BUILD)/rnnlossd $(libraries) ## build the daemon and the libraries (in build/)

tests: all $(test_programs) $(BUILD)/digest $(BUILD)/rnnlossd-features

bench: all $(bench_programs)

# ---- Rules ------------------------------------------------------------------------------------------------------

# `make V=1` shows the whole commands; else a short line each.
say = $(if $(V),echo,@echo) ' $(1)'

# These stamps change when the flags, or the commit, do: then what was built with the others is built again.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(CXX) $(C_LIB) $(C_TEST) $(STATIC)' | cmp -s - $@ || echo '$(CC) $(CXX) $(C_LIB) $(C_TEST) $(STATIC)' >$@
$(BUILD)/commit: FORCE
	@mkdir -p $(@D)
	@echo '$(COMMIT)' | cmp -s - $@ || echo '$(COMMIT)' >$@

$(BUILD)/lib/%.o: lib/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC ) $< && $(CC) $(C_LIB) -c $< -o $@

commit_users := $(patsubst %.c,$(BUILD)/%.o,$(shell grep -ls RNNLOSSD_COMMIT server/*.c))
$(commit_users): $(BUILD)/commit
$(commit_users): EXTRA = -DRNNLOSSD_COMMIT='"$(COMMIT)"'

$(BUILD)/server/%.o: server/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC ) $< && $(CC) $(C_SERVER) $(EXTRA) -c $< -o $@

$(BUILD)/server/%.o: server/%.cc $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CXX) $< && $(CXX) $(CXX_TEXT) -c $< -o $@

# The vectors, the description and the page become part of the daemon: the assembler reads them in.
$(BUILD)/server/embedded.o: server/embedded.S tests/vectors/vectors.jsonl tests/vectors/list.json server/openapi.json $(wildcard server/page/*) $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,AS ) $< && $(CC) -Iserver -c $< -o $@

$(BUILD)/tests/%.o: tests/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC ) $< && $(CC) $(C_TEST) $(EXTRA) -c $< -o $@

$(BUILD)/tests/%.o: tests/%.cc $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CXX) $< && $(CXX) $(CXX_TEXT) -c $< -o $@

# The naive loops that the library is held against have all that the compiler and the machine can give.
$(BUILD)/tests/bench/lib.o: EXTRA = -O3 -march=native

$(BUILD)/librnnloss.a: $(lib_objects)
	@rm -f $@
	$(call say,AR ) $@ && $(AR) rcs $@ $^

$(BUILD)/server.a: $(server_objects)
	@rm -f $@
	$(call say,AR ) $@ && $(AR) rcs $@ $^

# Linked by the C compiler: libc and libm are all that the library needs.
$(BUILD)/$(SONAME): $(lib_objects)
	$(call say,LD ) $@ && $(CC) $(CFLAGS) -shared -Wl,-soname,$(SONAME) -Wl,-z,relro,-z,now $^ -lm -o $@

$(BUILD)/librnnloss.so: $(BUILD)/$(SONAME)
	@ln -sf $(SONAME) $@

# The C++ runtime (charconv's tables) is linked in: the daemon needs none of it installed.
$(BUILD)/rnnlossd: $(BUILD)/server/main.o $(internals)
	$(call say,LD ) $@ && $(LINK) -pie $(STATIC) $^ $(LIBRARIES) -o $@

$(test_programs): %: %.o $(helper_objects) $(internals)
	$(call say,LD ) $@ && $(LINK) -pie $(STATIC) $^ $(TEST_LIBRARIES) $(LIBRARIES) -o $@

# The digest, and a daemon for tests, have a build of the library that can be told to do without instruction sets (lib/dispatch.c).
$(BUILD)/features/%.o: lib/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC ) $< '(test features)' && $(CC) $(C_LIB) -DRNN_TEST_FEATURES -c $< -o $@

$(BUILD)/digest: $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/digest/*.c)) $(patsubst lib/%.c,$(BUILD)/features/%.o,$(wildcard lib/*.c))
	$(call say,LD ) $@ && $(CC) $(CFLAGS) -pie $^ -lpthread -lm -o $@

$(BUILD)/rnnlossd-features: $(BUILD)/server/main.o $(BUILD)/server.a $(patsubst lib/%.c,$(BUILD)/features/%.o,$(wildcard lib/*.c))
	$(call say,LD ) $@ && $(LINK) -pie $(STATIC) $^ $(LIBRARIES) -o $@

# GnuTLS is what libmicrohttpd brings for TLS: the client's side needs no package of its own.
$(BUILD)/tests/bench/wire: $(wire_objects)
$(BUILD)/tests/bench/wire: LIBRARIES += -lgnutls
$(BUILD)/tests/bench/lib: $(internals)

$(bench_programs): %: %.o
	$(call say,LD ) $@ && $(LINK) -pie $(STATIC) $^ $(LIBRARIES) -o $@

.SECONDARY:
-include $(wildcard $(BUILD)/lib/*.d $(BUILD)/features/*.d $(BUILD)/server/*.d $(BUILD)/tests/*/*.d)

# ---- Running ----------------------------------------------------------------------------------------------------

# Targets that need packages first install what is missing, then start make again: only then is pkg-config there.

setup: ## install the packages for building, testing and linting
	@tools/setup build test lint coverage

run: ## build, and start the daemon in the foreground (ARGS='--listen 127.0.0.1:9000')
	@tools/setup build
	@$(MAKE) all
	@tools/serve $(BUILD)/rnnlossd $(ARGS)

test: ## build, and run all tests
	@tools/setup test
	@$(MAKE) tests
	@tests/run $(BUILD)

check: tests # what `make test` does, without looking for packages
	@tests/run $(BUILD)

oracle: ## compare the daemon with exact rational arithmetic, on many random problems
	@tools/setup test
	@$(MAKE) all
	@tests/run $(BUILD) oracle

lint: ## check format, warnings under gcc and clang, clang-tidy, cppcheck and the rules of the house
	@tools/setup lint
	@tools/lint

format: ## put the sources into the format that lint asks for
	@clang-format -i $(wildcard lib/*.[ch] server/*.[ch] server/*.cc tests/*/*.[ch] examples/*.c)

# Tests link what they test statically, so each compiler's sanitizers see all of it.
SANITIZE = -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
asan_runtime = $(shell $(1) -print-file-name=$(2))
sanitize: ## run all tests with the address, leak and undefined-behaviour sanitizers, under gcc and clang
	@tools/setup lint
	@TEST_PRELOAD=$(call asan_runtime,gcc,libasan.so) \
	  $(MAKE) check BUILD=$(BUILD)/sanitize-gcc CC=gcc CXX=g++ CFLAGS='$(SANITIZE)' HARDENING= STATIC=
	@TEST_PRELOAD=$(call asan_runtime,clang,libclang_rt.asan-$(shell uname -m).so) \
	  $(MAKE) check BUILD=$(BUILD)/sanitize-clang CC=clang CXX=clang++ CFLAGS='$(SANITIZE)' HARDENING= STATIC=

test-portability: ## the same bits from gcc and clang, -O0 to -O3 and LTO, each variant, aarch64 and s390x (qemu)
	@tools/setup portability
	@tests/portability.sh

test-validation: ## right and wrong workers in PyTorch before /validate
	@tools/setup validation
	@$(MAKE) all
	@/usr/bin/python3 tests/validation/torch_test.py $(BUILD)/rnnlossd

test-robustness: ## attack the daemon: slow peers, ends under load, limits of the system, memory, races (ten minutes)
	@tools/setup robustness
	@$(MAKE) all
	@tests/run $(BUILD) robustness

test-deploy: ## the files of server/deploy by the tools that they are for; replicas behind haproxy under load
	@tools/setup deploy
	@$(MAKE) all $(BUILD)/rnnlossd-features $(BUILD)/validators/bin/kubernetes-validate
	@/usr/bin/python3 tests/run $(BUILD) deploy # Debian's has Debian's numpy

# The schemas of Kubernetes' resources, from PyPI: Debian has none.
$(BUILD)/validators/bin/kubernetes-validate:
	@/usr/bin/python3 -m venv $(BUILD)/validators
	@$(BUILD)/validators/bin/pip install -q --disable-pip-version-check kubernetes-validate==1.33.1

test-api: ## openapi.json by a linter of such descriptions, and thousands of requests made from it (npm, PyPI)
	@tools/setup api
	@$(MAKE) all
	@tests/api.sh $(BUILD)

test-page: ## the page in a real browser, its modules in Node, its types (npm, chromium); pictures in build/page
	@tools/setup page
	@$(MAKE) all
	@tests/page/check $(BUILD)

CLIENTS = all
deps-clients: ## install the tool chains of the clients (CLIENTS='go rust'; all by default)
	@tools/setup test
	@tools/deps-clients '$(CLIENTS)' $(BUILD)

test-clients: ## run the clients' own tests against one daemon (CLIENTS='go rust'; all by default)
	@tools/setup test
	@$(MAKE) all
	@tests/clients/run $(BUILD) $(CLIENTS)

bench-clients: ## time 26 MB with gradient by each client, beside the C one, in one run
	@tools/setup test
	@$(MAKE) all
	@tests/clients/run $(BUILD) --bench $(CLIENTS)

coverage: ## run all tests and print the lines covered, by file and by folder
	@tools/setup coverage
	@rm -f $(BUILD)/coverage/*/*.gcda $(BUILD)/coverage/*/*/*.gcda
	@$(MAKE) check BUILD=$(BUILD)/coverage CC=gcc CXX=g++ CFLAGS='-O0 -g --coverage -fprofile-update=atomic' HARDENING=
	@tools/coverage $(BUILD)/coverage

# FORMAT=json prints a JSON object a line, QUICK=1 takes less time. Debian's python has Debian's numpy and PyTorch.
bench-lib: ## time the library, beside a read-only pass, a naive loop, two threads, numpy and PyTorch, in one run
	@tools/setup build
	@$(MAKE) bench
	@$(BUILD)/tests/bench/lib
	@$$([ -x /usr/bin/python3 ] && echo /usr/bin/python3 || echo python3) tests/bench/frameworks.py $(BUILD)/$(SONAME)

# SIZES=1: time over size instead, drawn; without QUICK the picture, and the machine, are those of tests/bench/README.md.
wire_run  = $(BUILD)/tests/bench/wire $(BUILD)/rnnlossd
wire_plot = FORMAT=json $(wire_run) >$(BUILD)/wire.jsonl && \
            $(if $(QUICK),tests/bench/plot.py $(BUILD)/wire.jsonl $(BUILD)/wire.svg,cp $(BUILD)/wire.jsonl tests/bench/ && tests/bench/plot.py)
bench-wire: ## time the daemon beside a bare echo of its HTTP library, FastAPI and PyTorch, in one run
	@tools/setup build
	@tools/setup bench || echo 'bench-wire: goes on with what there is' >&2
	@$(MAKE) bench >&2
	@$(if $(SIZES),$(wire_plot),$(wire_run))

bench-replicas: ## requests a second of one process, of two, and of two behind haproxy, in one run
	@tools/setup deploy
	@$(MAKE) all $(BUILD)/rnnlossd-features >&2
	@$(if $(filter json,$(FORMAT)),python3 tests/bench/replicas.py $(BUILD) --json,python3 tests/bench/replicas.py $(BUILD))

# ---- Shipping ---------------------------------------------------------------------------------------------------

# ENGINE=podman, PLATFORM=linux/arm64, IMAGE_FLAGS='--build-arg ...': tools/image says more.
export ENGINE PLATFORM IMAGE_FLAGS
machine := $(patsubst linux/%,%,$(PLATFORM))
image: ## build the image rnnlossd:VERSION, from scratch, by docker, podman or buildah
	@BUILD=$(BUILD) tools/image

test-image: ## build the image, and run the end-to-end tests against the daemon inside (PLATFORM=linux/arm64: by qemu)
	@tools/setup image
	@BUILD=$(BUILD) tools/image
	@BUILD=$(BUILD) tests/image_test.py $(BUILD)/image/rnnlossd-$(VERSION)-$(or $(machine),$$(dpkg --print-architecture)).tar "$$(tools/image engine)"

# What is committed, and nothing else; by its commit's time, so that every build gives the same bytes.
tarball = $(BUILD)/rnnloss-$(VERSION).tar.gz
dist: ## the sources as build/rnnloss-VERSION.tar.gz
	@mkdir -p $(BUILD)
	@git archive --format=tar --prefix=rnnloss-$(VERSION)/ HEAD | gzip -9n >$(tarball).new && mv $(tarball).new $(tarball)
	@sha256sum $(tarball)

test-dist: ## two builds of the tarball are the same, and it builds elsewhere
	@tools/setup test
	@tests/dist_test.sh $(BUILD)

deb: dist ## Debian packages, in build/deb: rnnlossd, librnnloss0, librnnloss-dev
	@tools/setup deb
	@tools/deb $(BUILD)

test-deb: deb ## what lintian says of them; install, run and remove them in a Debian of their own (as root)
	@tests/deb_test.sh $(BUILD)

# ---- Installing -------------------------------------------------------------------------------------------------

bindir     = $(DESTDIR)$(PREFIX)/bin
libdir     = $(DESTDIR)$(LIBDIR)
includedir = $(DESTDIR)$(PREFIX)/include
mandir     = $(DESTDIR)$(PREFIX)/share/man

install: all ## install below DESTDIR/PREFIX (/usr/local)
	install -d $(bindir) $(libdir)/pkgconfig $(includedir) $(mandir)/man1 $(mandir)/man3
	install -m 755 $(BUILD)/rnnlossd $(bindir)/rnnlossd
	install -m 644 $(BUILD)/librnnloss.a $(libdir)/librnnloss.a
	install -m 755 $(BUILD)/$(SONAME) $(libdir)/librnnloss.so.$(VERSION)
	ln -sf librnnloss.so.$(VERSION) $(libdir)/$(SONAME)
	ln -sf $(SONAME) $(libdir)/librnnloss.so
	install -m 644 lib/rnnloss.h $(includedir)/rnnloss.h
	sed -e 's|@PREFIX@|$(PREFIX)|g' -e 's|@VERSION@|$(VERSION)|g' \
	  $(if $(filter-out $(PREFIX)/lib,$(LIBDIR)),-e 's|^libdir=.*|libdir=$(LIBDIR)|') lib/rnnloss.pc.in >$(libdir)/pkgconfig/rnnloss.pc
	install -m 644 server/rnnlossd.1 $(mandir)/man1/rnnlossd.1
	install -m 644 lib/rnnloss.3 $(mandir)/man3/rnnloss.3
	for name in $$(cat lib/rnnloss.symbols); do echo '.so man3/rnnloss.3' >$(mandir)/man3/$$name.3; done

uninstall: ## remove what install has put there
	rm -f $(bindir)/rnnlossd $(libdir)/librnnloss.a $(libdir)/librnnloss.so* $(includedir)/rnnloss.h \
	  $(libdir)/pkgconfig/rnnloss.pc $(mandir)/man1/rnnlossd.1 $(mandir)/man3/rnnloss.3 $(mandir)/man3/rnnloss_*.3

clean: ## remove all that was built
	rm -rf $(BUILD)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile

#!/usr/bin/env bash
# The same bits everywhere: builds the library and the digest program with each compiler, optimization and target, runs
# every variant of the kernels that can run (foreign ones under qemu-user), and compares the digests.
#
#   tests/portability.sh [WORD]     only rows whose name holds WORD
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
expected=$(cat tests/digest/EXPECTED)
flags=(-std=c11 -ffp-contract=off -DRNN_TEST_FEATURES -Ilib)
sources=(tests/digest/*.c lib/*.c)

rows=() # NAME|PREFIX TO RUN IT|DISABLED FEATURES, separated by spaces; - is none|COMPILER AND FLAGS
case $(uname -m) in
  x86_64) native='avx512,avx2 avx512 -' ;;
  *) native='neon -' ;;
esac
for compiler in gcc clang; do
  for level in -O0 -O1 -O2 -O3; do rows+=("$compiler $level||$native|$compiler $level"); done
done
rows+=("gcc -O2 LTO||$native|gcc -O2 -flto=auto")
rows+=("clang -O2 LTO||$native|clang -O2 -flto -fuse-ld=lld")
rows+=("gcc -O3 -march=native||$native|gcc -O3 -march=native")
rows+=("aarch64 gcc -O2|qemu-aarch64-static|neon -|aarch64-linux-gnu-gcc -O2 -static")
rows+=("aarch64 gcc -O0|qemu-aarch64-static|neon -|aarch64-linux-gnu-gcc -O0 -static")
rows+=("s390x gcc -O2, big-endian|qemu-s390x-static|-|s390x-linux-gnu-gcc -O2 -static")

row() { # row NUMBER: its lines of output to $work/NUMBER.out
  local name runner disabled compiler program=$work/$1 feature printed
  IFS='|' read -r name runner disabled compiler <<<"${rows[$1]}"
  # shellcheck disable=SC2086 # words
  $compiler "${flags[@]}" "${sources[@]}" -lm -lpthread -o "$program" || {
    echo "FAILED  $name: it does not build"
    return
  }
  for feature in $disabled; do
    if [ "$feature" = - ]; then feature=''; fi
    # shellcheck disable=SC2086
    printed=$(RNNLOSS_DISABLE=$feature $runner "$program" 2>&1) || true
    if [ "${printed%% *}" = "$expected" ]; then echo "ok      $name: $printed"; else echo "FAILED  $name: $printed"; fi
  done
}

chosen=()
for i in "${!rows[@]}"; do
  case ${rows[$i]%%|*} in *"${1:-}"*) chosen+=("$i") ;; esac
done
for i in "${chosen[@]}"; do
  while [ "$(jobs -rp | wc -l)" -ge "$(nproc)" ]; do wait -n; done
  row "$i" >"$work/$i.out" 2>&1 &
done
wait
passed=0 failed=0
for i in "${chosen[@]}"; do
  cat "$work/$i.out"
  passed=$((passed + $(grep -c '^ok ' "$work/$i.out" || true)))
  failed=$((failed + $(grep -c '^FAILED' "$work/$i.out" || true)))
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -ge "${#chosen[@]}" ]

#!/usr/bin/env bash
# Every variant of the kernels that this machine can run computes the same bits: those that tests/digest/EXPECTED
# records. Asserts which variant ran, so that none can pass in another's place.
#
#   tests/digest_test.sh      with the program that make has built in the folder of the variable BUILD, or in build/
set -euo pipefail
cd "$(dirname "$0")/.."

digest=${BUILD:-build}/digest
expected=$(cat tests/digest/EXPECTED)
passed=0 failed=0
verdict() { # verdict NAME CONDITION...
  local name=$1
  shift
  if "$@"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAILED: $name"
  fi
}
prints() { # prints VARIANT DISABLED [ARGUMENT...]
  local variant=$1 disabled=$2 printed
  shift 2
  printed=$(RNNLOSS_DISABLE=$disabled "$digest" "$@") || true
  echo "$variant: $printed"
  [ "$printed" = "$expected $variant" ]
}
refuses() { ! RNNLOSS_DISABLE=$1 python3 -c 'import subprocess, sys; sys.exit(subprocess.run(sys.argv[1:], capture_output=True).returncode != 0)' "$digest" 1; }

variants=(portable) disabled=('avx512,avx2,neon')
case $(uname -m) in
  x86_64)
    flags=" $(sed -n 's/^flags[^:]*: //p' /proc/cpuinfo | head -n 1) "
    has() { case $flags in *" $1 "*) true ;; *) false ;; esac; }
    if has avx2 && has fma && has f16c; then
      variants+=(avx2) disabled+=(avx512)
      if has avx512f && has avx512bw && has avx512dq && has avx512vl; then variants+=(avx512) disabled+=(''); fi
    fi
    ;;
  aarch64) variants+=(neon) disabled+=('') ;;
esac
for i in "${!variants[@]}"; do
  verdict "the variant ${variants[$i]}" prints "${variants[$i]}" "${disabled[$i]}"
done
last=$((${#variants[@]} - 1))
verdict 'threads' prints "${variants[$last]}" "${disabled[$last]}" --threads
verdict 'an unknown feature aborts' refuses avx1024
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]

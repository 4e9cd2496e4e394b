# Counts what holds and what doesn't; for scripts of tests that source it: `check NAME COMMAND...`, and `checks_end` last.
# shellcheck shell=bash
passed=0 failed=0
check_log=$(mktemp)

check() { # in a shell of its own each command of a function counts, which it does not in a condition
  local name=$1 status
  shift
  set +e
  (set -e && "$@") >"$check_log" 2>&1
  status=$?
  set -e
  if [ "$status" = 0 ]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAILED: $name"
    tail -40 "$check_log"
  fi
}

checks_end() {
  rm -f "$check_log"
  echo "$passed passed, $failed failed"
  [ "$failed" = 0 ]
}

#!/usr/bin/env bash
# ThreadSanitizer over the daemon's life: start, load, slow peers, reload, TLS, drain. A race makes the daemon's exit
# status 66, which the tests that end it take for a failure.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

folder=${BUILD:-$PWD/build}/tsan
build=${folder#"$PWD"/} # as the Makefile names it
reports=$folder/reports
make -s BUILD="$build" CC=gcc CXX=g++ CFLAGS='-O1 -g -fsanitize=thread' HARDENING= STATIC= all \
  "$build/tests/e2e/e2e_tls" "$build/tests/e2e/e2e_reload" "$build/tests/e2e/e2e_access" >/dev/null || exit 1
rm -rf "$reports"
mkdir -p "$reports"
export BUILD=$folder TSAN_OPTIONS="exitcode=66 log_path=$reports/race"

passed=0 failed=0
run() {
  echo "-- $*"
  local output good bad
  output=$("$@" 2>&1)
  echo "$output" | tail -5
  read -r good bad <<<"$(echo "$output" | awk '/^[0-9]+ passed, [0-9]+ failed/ { g += $1; b += $3 }
    /^\[  PASSED  \]/ { g += $4 } /^\[  FAILED  \] [0-9]+ test/ { b += $4 } END { print g + 0, b + 0 }')"
  [ $((good + bad)) -gt 0 ] || bad=1
  passed=$((passed + good)) failed=$((failed + bad))
}

run python3 tests/http_raw.py pipelining keep_alive chunked early late lingering half_closed many metrics balanced drain end_under
run python3 tests/peers.py headers bodies connections memory good
run python3 tests/life.py delay hangup notify activation access
run env COUNT=15 python3 tests/robustness/test_endings.py sigterm
run "$folder/tests/e2e/e2e_access"
run "$folder/tests/e2e/e2e_tls"
run "$folder/tests/e2e/e2e_reload"

for report in "$reports"/race.*; do
  [ -e "$report" ] || continue
  failed=$((failed + 1))
  sed -n 1,60p "$report"
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]

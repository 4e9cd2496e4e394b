#!/usr/bin/env bash
# Prometheus' own reading of GET /metrics: promtool (Debian: prometheus) checks syntax, help, types and names.
#
#   tests/robustness/test_metrics.sh    the daemon of the folder of the variable BUILD, or of build/; PROMTOOL: another promtool
#
# Ends with one line: N passed, N failed.
set -euo pipefail
cd "$(dirname "$0")/../.."

promtool=${PROMTOOL:-promtool}
command -v "$promtool" >/dev/null || {
  echo 'there is no promtool: apt-get install --no-install-recommends prometheus'
  echo '0 passed, 1 failed'
  exit 1
}
folder=$(mktemp -d)
daemon=
finish() {
  [ -z "$daemon" ] || kill "$daemon" 2>/dev/null || true
  rm -rf "$folder"
}
trap finish EXIT

socket=$folder/socket
"${BUILD:-build}/rnnlossd" --listen "unix:$socket" --log-level error >"$folder/said" &
daemon=$!
for _ in $(seq 100); do
  ! grep -q listening "$folder/said" || break
  sleep 0.05
done
ask() { curl -s --max-time 20 --unix-socket "$socket" "$@"; }

passed=0 failed=0
check() { # check NAME: what is on standard input
  if "$promtool" check metrics >"$folder/log" 2>&1 && [ ! -s "$folder/log" ]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAILED: $1"
    cat "$folder/log"
  fi
}

ask http://localhost/metrics >"$folder/metrics"
check 'before any request' <"$folder/metrics"
ask -o /dev/null -d @examples/loss.json http://localhost/loss
ask -o /dev/null -d '{' http://localhost/loss
ask -o /dev/null http://localhost/nowhere
ask http://localhost/metrics >"$folder/metrics"
check 'after some' <"$folder/metrics"
if grep -q 'route="/loss",status="200"' "$folder/metrics"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
if echo 'broken{' | "$promtool" check metrics >"$folder/log" 2>&1; then # it does complain
  failed=$((failed + 1))
else
  passed=$((passed + 1))
fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]

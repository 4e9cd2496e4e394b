#!/usr/bin/env bash
# GET /openapi.json before the tools that it is for: a linter (npm), and schemathesis (PyPI), which makes requests from it,
# good and bad, and checks each answer against it.
#
#   tests/api.sh BUILD     EXAMPLES: how many requests of each kind; SEED
#
# Ends with one line: N passed, N failed.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
build=$(realpath "$1") tools=$(realpath "$1")/api
mkdir -p "$tools"

passed=0 failed=0
count() { # count STATUS WHAT
  if [ "$1" = 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)) && echo "FAILED: $2"; fi
}

[ -x "$tools/bin/schemathesis" ] || { /usr/bin/python3 -m venv "$tools" &&
  "$tools/bin/pip" install -q --disable-pip-version-check 'schemathesis>=4.32,<5'; } || exit 1
[ -x "$tools/node_modules/.bin/redocly" ] ||
  npm install --silent --no-audit --no-fund --prefix "$tools" '@redocly/cli@2' || exit 1

redocly() { (cd "$tools" && REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true node_modules/.bin/redocly "$@"); }
redocly lint --max-problems 20 "$PWD/server/openapi.json" >"$tools/lint.log" 2>&1
count $? 'redocly lint'
if grep -E 'You have [0-9]+ (warning|error)' "$tools/lint.log"; then count 1 'warnings of redocly lint' && cat "$tools/lint.log"; fi

"$build/rnnlossd" --listen 127.0.0.1:0 --log-level error >"$tools/said" &
daemon=$!
trap 'kill $daemon 2>/dev/null' EXIT
for _ in $(seq 100); do
  ! grep -q listening "$tools/said" || break
  sleep 0.05
done
url=$(sed -n 's/^listening on //p' "$tools/said")

# Shapes that must agree, an option not twice: no schema says so, so good requests may be refused, too.
# It keeps a cache in the folder that it is run in.
(cd "$tools" && bin/schemathesis run "$url/openapi.json" --checks all --exclude-checks positive_data_acceptance \
  --max-examples "${EXAMPLES:-200}" --phases examples,coverage,fuzzing --seed "${SEED:-1}") >"$tools/schemathesis.log" 2>&1
count $? schemathesis
made=$(sed -n 's/^  *\([0-9][0-9]*\) generated, \([0-9]*\) passed.*/\1/p' "$tools/schemathesis.log")
echo "schemathesis: ${made:-no} requests"
[ "${made:-0}" -gt 1000 ]
count $? "schemathesis made ${made:-no} requests"
[ "$failed" = 0 ] || tail -80 "$tools/schemathesis.log"
[ "$(curl -s -o /dev/null -w '%{http_code}' "$url/readyz")" = 200 ]
count $? 'the daemon lives'
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]

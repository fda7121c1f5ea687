#!/usr/bin/env bash
# Types, style and every test, against real servers that the test setup finds or starts. The last line counts the tests.
set -uo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/node_modules/.bin:$PATH"

report=$(mktemp)
trap 'rm -f "$report"' EXIT
status=0

npm run --silent check || status=1
vitest run --reporter=default --reporter=json --outputFile.json="$report" "$@" || status=1

node -e '
  const { readFileSync } = require("node:fs")
  let report
  try { report = JSON.parse(readFileSync(process.argv[1], "utf8")) } catch { report = undefined }
  const broken = Number(process.argv[2])
  if (!report) { console.log("0 passed, 1 failed"); process.exit(1) }
  // A file that does not even load fails without a single failed test in it.
  const unloaded = report.testResults.filter((f) => f.status === "failed" && f.assertionResults.length === 0).length
  const failed = Math.max(report.numFailedTests + unloaded, broken)
  const skipped = report.numPendingTests + report.numTodoTests
  console.log(`${report.numPassedTests} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`)
' "$report" "$status" || status=1
exit "$status"

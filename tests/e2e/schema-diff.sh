#!/usr/bin/env bash
# Holds `switchboard diff` against graphql-js (findBreakingChanges, findDangerousChanges) on a table of pairs of schemas.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/support/prepare.sh"

if [[ -z ${SWITCHBOARD:-} ]]; then
  (cd "$root" && cargo build --quiet --locked --release --bin switchboard)
fi
export SWITCHBOARD="${SWITCHBOARD:-$target/release/switchboard}"
if [[ ! -d $e2e/node_modules/graphql ]]; then
  npm install --prefix "$e2e" --no-save --no-package-lock --no-audit --no-fund --loglevel error graphql@16.11.0
fi
exec timeout --kill-after=5 120 node "$e2e/schema-diff.mjs" "$root/tests/it/compare_cases.jsonl"

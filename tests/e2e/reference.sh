#!/bin/sh
# Compares Switchboard with graphql-js on random operations over random schemas and data.
#
#   tests/e2e/reference.sh                                      2,000 operations over 200 schemas: fixed seeds and one of today
#   tests/e2e/reference.sh --seeds 1,2 --schemas 200 --operations 20   more, by hand; see main.mjs
set -eu
cd "$(dirname "$0")/../.."
target="${CARGO_TARGET_DIR:-target}"

(cd tests/e2e/reference && npm install --no-audit --no-fund --no-package-lock --silent)
cargo build --quiet --release --example answer_lines

if [ $# -eq 0 ]; then
    set -- --seeds "1,2,3,$(date +%Y%m%d)" --schemas 50 --operations 10 --styles-each 2
fi
exec node tests/e2e/reference/main.mjs "$target/release/examples/answer_lines" "$@"

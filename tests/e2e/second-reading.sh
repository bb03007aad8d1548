#!/bin/sh
# Compares `switchboard map` with a second, naive reading of the mapping language on random mappings and data.
#
#   tests/e2e/second-reading.sh              40,000 mappings: a fixed seed and one of today
#   tests/e2e/second-reading.sh 7 1000000    more, by hand: seed and number
set -eu
cd "$(dirname "$0")/../.."
binary="${CARGO_TARGET_DIR:-target}/release/switchboard"
cargo build --quiet --release --bin switchboard

if [ $# -gt 0 ]; then
    exec node tests/e2e/second-reading.mjs "$binary" "$@"
fi
for seed in 1 "$(date +%Y%m%d)"; do
    node tests/e2e/second-reading.mjs "$binary" "$seed" 20000
done

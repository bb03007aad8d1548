#!/usr/bin/env bash
# Runs each fuzz target for some seconds of CPU time (300 unless said otherwise) and ends with 1 if one of them found something.
#
#   fuzz/run.sh [SECONDS] [TARGET…]
#
# Works with a stable compiler: what `cargo fuzz` does by a nightly one is done here by the flags themselves. Needs a C++ compiler for
# libFuzzer. New inputs that reach new code go to fuzz/corpus/TARGET, what crashes to fuzz/artifacts/TARGET; to look at one again:
# fuzz/target/release/TARGET FILE.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

seconds=${1:-300}
shift || true
targets=("$@")
((${#targets[@]} > 0)) || targets=(mapping schema url rest_body protobuf)

export CARGO_TARGET_DIR="$PWD/target"
export CARGO_INCREMENTAL=0
RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters"
RUSTFLAGS+=" -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing"
export RUSTFLAGS
# An explicit target keeps build scripts and macros free of the flags, which need libFuzzer to link.
host=$(rustc -vV | sed -n 's/^host: //p')
cargo build --release --target "$host" --bins
bin="$CARGO_TARGET_DIR/$host/release"

failed=()
for target in "${targets[@]}"; do
    mkdir -p "corpus/$target" "artifacts/$target" "target/found/$target"
    echo "=== $target: $seconds s"
    # New inputs go to the first folder; only those that add something are moved to the kept ones.
    "$bin/$target" "target/found/$target" "corpus/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=4096 \
        -artifact_prefix="artifacts/$target/" -print_final_stats=1 2>&1 | tail -n 12 || failed+=("$target")
done
if ((${#failed[@]} > 0)); then
    echo "found something: ${failed[*]} (fuzz/artifacts)"
    exit 1
fi

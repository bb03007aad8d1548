#!/usr/bin/env bash
# Runs each fuzz target for some seconds of CPU time (300 unless said otherwise; 0: only builds) and ends with 1 if one of them found something.
#
#   fuzz/run.sh [SECONDS] [TARGET…]
#
# Works with a stable compiler: what `cargo fuzz` does by a nightly one is done here by the flags themselves. Needs a C++ compiler for
# libFuzzer. A run begins with what is kept in fuzz/corpus/TARGET and what earlier runs left in fuzz/target/found/TARGET, which is where
# new inputs go that reach new code; what crashes goes to fuzz/artifacts/TARGET. Neither is committed. To look at one again:
#
#   fuzz/target/HOST/release/TARGET FILE
#
# To keep those that reach what the kept ones do not, so that `tests/it/fuzz_corpora.rs` runs them:
#
#   fuzz/target/HOST/release/TARGET -merge=1 fuzz/corpus/TARGET fuzz/target/found/TARGET

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

# Whole seconds of CPU that the commands of this shell have taken, in `cpu`. Not a command of its own, which would be asked of its own children.
clock=$(mktemp)
trap 'rm -f "$clock"' EXIT
read_cpu() {
    # The second line: user and system time of children, such as 1m2.345s.
    times >"$clock"
    cpu=$(sed -n '2s/[ms]/ /gp' "$clock" | awk '{ printf "%d", $1 * 60 + $2 + $3 * 60 + $4 }')
}

# Whether a run ended for an input that is not slow at all: libFuzzer looks at the clock, and a busy machine may let it wait for a minute.
is_false_alarm() {
    local input
    input=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
    [[ $input == */timeout-* ]] && (ulimit -t 10 && "$bin/$1" "$input" >/dev/null 2>&1) && rm "$input"
}

failed=()
for target in "${targets[@]}"; do
    mkdir -p "corpus/$target" "artifacts/$target" "target/found/$target"
    log="target/found/$target.log"
    read_cpu
    begun=$cpu
    # libFuzzer counts seconds of the clock, of which a busy machine gives it only some.
    while ((cpu - begun < seconds)); do
        # New inputs go to the first folder.
        if ! "$bin/$target" "target/found/$target" "corpus/$target" -max_total_time=$((seconds - cpu + begun)) -timeout=10 -rss_limit_mb=2048 -max_len=4096 \
            -artifact_prefix="artifacts/$target/" -print_final_stats=1 >"$log" 2>&1; then
            if ! is_false_alarm "$target"; then
                failed+=("$target")
                tail -n 40 "$log"
                break
            fi
            echo "$target: an input that took long by the clock alone: the machine was busy"
        fi
        read_cpu
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
        echo "$target: $((cpu - begun)) s of CPU, $runs inputs tried, $(grep -o 'cov: [0-9]*' "$log" | tail -n 1)"
    done
done
if ((${#failed[@]} > 0)); then
    echo "found something: ${failed[*]} (fuzz/artifacts)"
    exit 1
fi

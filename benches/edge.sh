#!/usr/bin/env bash
# What strangers cost, and what they can do to others: figures of benches/edge.md.
#
#   benches/edge.sh                 everything that is below, some five minutes
#   benches/edge.sh costs sockets   these: costs, sockets, keys, overload
#
# Needs python3, taskset and two cores: the server has one for itself, load and source share the other. Nothing listens beyond loopback.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target="${CARGO_TARGET_DIR:-$PWD/target}"
if [[ -z ${SWITCHBOARD:-} || -z ${EDGE:-} ]]; then
  cargo build --quiet --locked --release --bin switchboard
  cargo build --quiet --locked --release -p switchboard-harness --bin edge
fi
export SWITCHBOARD="${SWITCHBOARD:-$target/release/switchboard}" EDGE="${EDGE:-$target/release/edge}"
# 11,000 sockets here, and as many there.
ulimit -n "$(ulimit -Hn)"
exec python3 benches/edge/run.py "$@"

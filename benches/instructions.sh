#!/usr/bin/env bash
# Counts the instructions that the work of benches/micro takes, with callgrind, and compares them with the figures in
# benches/instructions.txt: more than 3 % away, up or down, fails. `--write` writes the figures instead.
#
# Counts depend on compiler and libraries, not on the machine's speed or load; the figures are those of the toolchain that CI has.
set -euo pipefail
cd "$(dirname "$0")/.."

TIMES=20
TOLERANCE=3
figures=benches/instructions.txt

if ! command -v valgrind >/dev/null; then
  { apt-get update -q && apt-get install -y -q valgrind libc6-dbg; } >/dev/null
fi
executable=$(cargo bench --bench micro --no-run 2>&1 | sed -n 's/.*(\(.*micro-[^)]*\)).*/\1/p')
counts=$(mktemp)
trap 'rm -f "$counts"' EXIT

for name in $("$executable" --list); do
  log=$(valgrind --tool=callgrind --callgrind-out-file=/dev/null --collect-atstart=no --toggle-collect='*measured*' \
    "$executable" --times "$TIMES" "$name" 2>&1) || { echo "$log"; exit 1; }
  total=$(sed -n 's/.*Collected : //p' <<<"$log")
  echo "$name $((total / TIMES))"
done >"$counts"

if [ "${1:-}" = "--write" ]; then
  cp "$counts" "$figures"
  cat "$figures"
  exit
fi
# Every name is in both files, or it is told.
join -a 1 -a 2 -e 0 -o 0,1.2,2.2 <(sort "$figures") <(sort "$counts") | awk -v tolerance="$TOLERANCE" '
  { change = $2 ? 100 * ($3 - $2) / $2 : 100
    bad = (change > tolerance || change < -tolerance)
    failed += bad
    printf "%-16s %10d -> %10d  %+6.1f %%%s\n", $1, $2, $3, change, bad ? "  beyond " tolerance " %" : "" }
  END { if (failed) { print "write the new figures with benches/instructions.sh --write, and say in the commit why"; exit 1 } }'

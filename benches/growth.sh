#!/usr/bin/env bash
# How time and memory grow with size: one process for each size, so that its peak is its own. Prints a Markdown table.
set -euo pipefail
cd "$(dirname "$0")/.."

executable=$(cargo bench --bench micro --no-run 2>&1 | sed -n 's/.*(\(.*micro-[^)]*\)).*/\1/p')
echo "| what | size | leaves | µs | µs per 1,000 leaves | peak MB |"
echo "|---|--:|--:|--:|--:|--:|"
"$executable" --growth | while read -r kind size; do
  "$executable" --growth "$kind" "$size" | while read -r leaves micros peak; do
    awk -v kind="$kind" -v size="$size" -v leaves="$leaves" -v micros="$micros" -v peak="$peak" \
      'BEGIN { printf "| %s | %d | %d | %.0f | %.1f | %.0f |\n", kind, size, leaves, micros, 1000 * micros / leaves, peak / 1024 }'
  done
done

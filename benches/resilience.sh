#!/bin/sh
# The figures of benches/resilience.md, as tables; a figure that is missed fails. Latencies want a machine with nothing else to do.
#   benches/resilience.sh              the parts that take a minute or two each
#   benches/resilience.sh retries      one of them: retries, breaker, addresses, hanging, places
#   benches/resilience.sh random       ten minutes of random faults: [SECONDS] [REQUESTS A SECOND] [SEED]
set -eu
cd "$(dirname "$0")/.."
missed=0
run() {
    echo "## $*"
    cargo bench --quiet --bench resilience -- "$@" || missed=1
}
if [ $# -gt 0 ]; then
    run "$@"
else
    for part in retries breaker addresses hanging places; do
        run "$part"
    done
fi
exit $missed

#!/usr/bin/env bash
# Rolling restarts: two servers behind HAProxy, from Debian's packages, are ended by SIGTERM and started again, one after the other, under load. No
# request fails.
#
#   RESTARTS=100 tests/e2e/rolling.sh    more of them; 6 unless said. benches/edge.md has what a hundred came to
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/support/prepare.sh"

build
# Its package starts a daemon where there is an init system; what is started here has ports and a directory of its own.
command -v haproxy >/dev/null || PATH=$PATH:/usr/sbin
need haproxy haproxy
exec timeout --kill-after=5 "$((60 + ${RESTARTS:-6} * 10))" node "$e2e/rolling/main.mjs"

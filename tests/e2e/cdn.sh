#!/usr/bin/env bash
# Varnish, from Debian's packages, in front of the server: it answers the second identical GET alone, asks again with If-None-Match, and
# never gives one user's answer to another.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/support/prepare.sh"

build
# Its package starts a daemon where there is an init system; what is started here has ports and a directory of its own.
command -v varnishd >/dev/null || PATH=$PATH:/usr/sbin
need varnishd varnish
need cc gcc libc6-dev
exec timeout --kill-after=5 120 node "$e2e/cdn/main.mjs"

#!/usr/bin/env bash
# Registered documents that two processes share in Redis, and what clients see when Redis hangs, lies, forgets or is gone: nothing.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/support/prepare.sh"

build
need redis-server redis-server
exec timeout --kill-after=5 120 node "$e2e/redis/main.mjs"

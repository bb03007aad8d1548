#!/usr/bin/env bash
# Lists of documents are replaced and a field of the schema goes away, under load: no request fails, and `verify` and `diff` name the
# client version that would break.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/support/prepare.sh"

build
exec timeout --kill-after=5 120 node "$e2e/swap/main.mjs"

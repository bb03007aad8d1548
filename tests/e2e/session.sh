#!/usr/bin/env bash
# A user's session in Chromium: login, cookie, pages of other origins, logout, expiry, withdrawal.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/support/prepare.sh"

build
npm_install "$e2e/session"
chromium
exec timeout --kill-after=5 120 node "$e2e/session/main.mjs"

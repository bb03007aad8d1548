#!/usr/bin/env bash
# The clients that frontends use against a running server: Apollo Client 4, urql 4, Relay and graphql-request from npm in Node, and
# Apollo Client in Chromium, on a page of another origin.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/support/prepare.sh"

build
npm_install "$e2e/clients"
chromium
# As apps are built: urql takes documents without a text only then.
export NODE_ENV=production
exec timeout --kill-after=5 180 node "$e2e/clients/main.mjs"

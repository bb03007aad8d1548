#!/usr/bin/env bash
# Editors show the demo's files without a red line: schemas and operations in the GraphQL language server with
# `graphql.config.yml` and `schema/directives.graphql`, `switchboard.yaml` in the YAML language server with its JSON Schema.
#
# Needs Node 20 or newer, and installs the two servers from npm into a folder of their own.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cp tests/e2e/editors/package.json tests/e2e/editors/main.mjs "$scratch"
(cd "$scratch" && npm install --no-audit --no-fund --silent --loglevel=error)
timeout 180 node "$scratch/main.mjs" "$PWD"

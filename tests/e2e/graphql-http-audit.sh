#!/usr/bin/env bash
# Runs the public audit of GraphQL over HTTP (npm `graphql-http`) against the demo shop; fails unless every audit passes on
# every surface.
#
#   tests/e2e/graphql-http-audit.sh               starts the demo shop itself
#   tests/e2e/graphql-http-audit.sh URL [URL …]   audits servers that run already
#
# SERVER_COMMAND replaces the command that starts the server. It must print `ready NAME=URL …` on standard output once it listens.
set -euo pipefail

readonly GRAPHQL_HTTP=1.23.1
readonly GRAPHQL=16.11.0
readonly READY_SECONDS=600   # compiling the example included

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

if [[ ! -d $here/node_modules/graphql-http ]]; then
  npm install --prefix "$here" --no-save --no-package-lock --no-audit --no-fund --loglevel error \
    "graphql-http@$GRAPHQL_HTTP" "graphql@$GRAPHQL"
fi

if (($# > 0)); then
  exec node "$here/graphql-http-audit.mjs" "$@"
fi

cd "$root"
# shellcheck disable=SC2086 # the command is words
exec {output}< <(exec ${SERVER_COMMAND:-cargo run --quiet --release --example shop})
server=$!
trap 'kill "$server" 2>/dev/null || true' EXIT

ready=
while read -r -t "$READY_SECONDS" -u "$output" line; do
  if [[ $line == ready\ * ]]; then
    ready=$line
    break
  fi
done
if [[ -z $ready ]]; then
  echo "the server ended or was not ready in time" >&2
  exit 1
fi

urls=()
for word in ${ready#ready }; do
  [[ $word == admin=* ]] || urls+=("${word#*=}")
done
node "$here/graphql-http-audit.mjs" "${urls[@]}"

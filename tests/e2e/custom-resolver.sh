#!/usr/bin/env bash
# Runs the example with a resolver of its own; fails unless it plans one call for all badges and answers as it should.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

got=$(cargo run --quiet --release --example custom_resolver)
want=$(cat <<'TEXT'
query (anonymous) on shop
at most 1 call, cost 20
  1  -       mapping                               products[]        no call
  2  badges  Query.badges (productIds: $batch.id)  products[].badge  1 call for all id; after 1
Lists without @listSize are taken to have 10 items.

{"data":{"products":[{"name":"Lamp","badge":{"label":"Klassiker"}},{"name":"Chair","badge":{"label":"Klassiker"}},{"name":"Desk","badge":null}]}}
TEXT
)
diff <(echo "$want") <(echo "$got") && echo "the example answers as it should"

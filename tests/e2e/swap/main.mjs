// What an app's release and a schema's change look like to its users: a list of documents is replaced and a field goes away, under load.

import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { join } from "node:path";

import { backends, directory, finish, run, serve, sources, test } from "../support/stack.mjs";

const BEFORE = `
extend schema
  @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@source", "@connect"])
  @source(name: "catalog", http: { baseURL: "http://catalog.internal" })
type Query {
  product(id: ID!): Product
    @connect(source: "catalog", http: { GET: "/products/{$args.id}" }, selection: "id name: title oldName: title")
}
type Product { id: ID! name: String oldName: String @deprecated(reason: "Use name. Sunset 2026-12-31.") }
`;
const AFTER = BEFORE.replace(" oldName: title", "").replace(/ oldName: String @deprecated\(.*?\)/, "");

const OLD_APP = { "ios6-product": "query Product { product(id: 3) { id oldName } }" };
const NEW_APP = { "ios7-product": "query Product { product(id: 3) { id name } }" };

const file = (name) => join(directory, name);
/** Writes a file as tools do that care: beside it, and moved over it. */
function replace(name, content) {
  writeFileSync(file(`${name}.new`), typeof content === "string" ? content : JSON.stringify(content));
  renameSync(file(`${name}.new`), file(name));
}

mkdirSync(file("before"));
replace("before/schema.graphql", BEFORE);
replace("after.graphql", AFTER);
replace("ios6.json", OLD_APP);
replace("ios7.json", NEW_APP);
const urls = await backends();
const yaml = (schema) => `surfaces:
  web:
    schema: ${file(schema)}
    persisted:
      mode: only
      manifests:
        - { file: ${file("ios6.json")}, client: ios, version: "6.0" }
        - { file: ${file("ios7.json")}, client: ios, version: "7.0" }
${sources({ catalog: urls.catalog })}`;

// --- load ---

const agent = new Agent({ keepAlive: true });

async function ask(port, id, version) {
  const headers = { "content-type": "application/json", "graphql-client-name": "ios", "graphql-client-version": version };
  const asked = request({ host: "127.0.0.1", port, agent, method: "POST", path: "/web/graphql", headers });
  asked.end(JSON.stringify({ documentId: id }));
  const [answer] = await once(asked, "response");
  let body = "";
  for await (const data of answer) body += data;
  return { status: answer.statusCode, json: JSON.parse(body) };
}

/** Asks without a pause until told to stop: how often, and what failed. */
function load(target) {
  const outcome = { asked: 0, failed: [], stop: false };
  const client = async () => {
    while (!outcome.stop) {
      const [port, id, version] = target();
      outcome.asked += 1;
      const answer = await ask(port, id, version).catch((error) => ({ error: String(error) }));
      if (answer.json?.data?.product?.id !== "3") outcome.failed.push(JSON.stringify(answer));
    }
  };
  outcome.done = Promise.all(Array.from({ length: 16 }, client));
  return outcome;
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Waits until a document is answered. */
async function answered(port, id) {
  for (let left = 200; left > 0; left--) {
    if ((await ask(port, id, "7.0")).json.data) return;
    await pause(25);
  }
  throw new Error(`${id} is not answered`);
}

const first = await serve("before", yaml("before/schema.graphql"));

await test("a list is replaced again and again: no request fails, and every new document is answered", async () => {
  let turn = 0;
  const known = ["ios7-product"];
  const loading = load(() => {
    turn += 1;
    return turn % 2 ? [first.port, "ios6-product", "6.0"] : [first.port, known[turn % known.length], "7.0"];
  });
  for (let release = 1; release <= 8; release++) {
    const id = `ios7-release-${release}`;
    const added = { [id]: `query Release${release} { product(id: 3) { id name } }` };
    replace("ios7.json", Object.assign(NEW_APP, added));
    await answered(first.port, id);
    known.push(id);
  }
  loading.stop = true;
  await loading.done;
  console.log(`      ${loading.asked} requests during 8 replacements`);
  assert.deepEqual(loading.failed.slice(0, 3), []);
  assert.ok(loading.asked > 100);
});

await test("verify and diff name the client version that the next schema would break", async () => {
  const manifests = ["ios6.json", "ios7.json"].map((name, index) => `ios@${index + 6}.0=${file(name)}`);
  const verify = await run(process.env.SWITCHBOARD, ["operations", "verify", "--schema", file("after.graphql"), ...manifests]);
  assert.equal(verify.code, 1, verify.stderr);
  assert.match(verify.stdout, /Product \(ios 6\.0\)/);
  assert.match(verify.stdout, /10 documents: 1 would be refused, of ios 6\.0\n$/);
  const args = manifests.flatMap((manifest) => ["--manifest", manifest]);
  const diff = await run(process.env.SWITCHBOARD, ["diff", file("before/schema.graphql"), file("after.graphql"), ...args]);
  assert.equal(diff.code, 1, diff.stderr);
  assert.match(diff.stdout, /breaking {2}Product\.oldName {2}FIELD_REMOVED\n.*\n {10}hits Product \(ios 6\.0\)/);
});

await test("the schema without the field takes over: no request of the new app fails, and the old app is told", async () => {
  let port = first.port;
  const loading = load(() => [port, "ios7-product", "7.0"]);
  await pause(200);
  const second = await serve("after", yaml("after.graphql"));
  port = second.port;
  const ended = once(first.child, "exit");
  first.child.kill("SIGTERM");
  const [code] = await ended;
  await pause(200);
  loading.stop = true;
  await loading.done;
  console.log(`      ${loading.asked} requests during the change`);
  assert.deepEqual(loading.failed.slice(0, 3), []);
  assert.equal(code, 0, "the server before ended in good order");
  const old = await ask(second.port, "ios6-product", "6.0");
  assert.equal(old.json.errors[0].extensions.code, "PERSISTED_QUERY_NOT_IN_LIST");
});

finish();

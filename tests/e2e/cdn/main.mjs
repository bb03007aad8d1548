// Varnish in front of the server: what it may answer itself, what it must ask again, and what it must never give to another.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { join } from "node:path";

import { backends, directory, finish, freePort, ready, root, serve, sources, start, test } from "../support/stack.mjs";

const sha256 = (text) => createHash("sha256").update(text).digest("hex");

const urls = await backends();
const server = await serve(
  "cdn",
  `surfaces: { web: { schema: ${join(root, "tests/e2e/cdn/schema.graphql")} } }
${sources({ catalog: urls.catalog, accounts: urls.accounts })}`,
);
const cdn = await varnish(`
vcl 4.1;
backend default { .host = "127.0.0.1"; .port = "${server.port}"; }
sub vcl_backend_response {
  # Ask with If-None-Match once an answer has grown old, rather than give it once more.
  set beresp.grace = 0s;
  set beresp.keep = 5m;
}
sub vcl_deliver { set resp.http.x-cache-hits = obj.hits; }
`);
// An operator who has forgotten about credentials: everything is looked up.
const careless = await varnish(`
vcl 4.1;
backend default { .host = "127.0.0.1"; .port = "${server.port}"; }
sub vcl_recv { if (req.method == "GET") { return (hash); } }
sub vcl_deliver { set resp.http.x-cache-hits = obj.hits; }
`);

/** Starts Varnish with a configuration: its port. */
async function varnish(vcl) {
  const port = await freePort();
  const home = join(directory, `varnish-${port}`);
  mkdirSync(home);
  const file = join(home, "default.vcl");
  writeFileSync(file, vcl);
  const settings = ["-p", "thread_pools=1", "-p", "thread_pool_min=10", "-p", "thread_pool_max=200"];
  const args = ["-F", "-j", "none", "-n", home, "-f", file, "-a", `127.0.0.1:${port}`, "-T", "none", "-s", "malloc,32m"];
  const child = start(process.env.VARNISHD ?? "varnishd", [...args, ...settings]);
  let output = "";
  child.stderr.on("data", (data) => (output += data));
  child.on("exit", (code) => code && console.error(`varnishd ended with ${code}:\n${output}`));
  await ready(`http://127.0.0.1:${port}/web/graphql?query=%7B__typename%7D`);
  return port;
}

const agent = new Agent({ keepAlive: true, maxSockets: 64 });

async function ask(port, parameters, headers = {}, method = "GET") {
  const query = method === "GET" ? `?${new URLSearchParams(parameters)}` : "";
  const asked = request({ host: "127.0.0.1", port, agent, method, path: `/web/graphql${query}`, headers });
  asked.end(method === "GET" ? undefined : JSON.stringify(parameters));
  const [answer] = await once(asked, "response");
  let body = "";
  for await (const data of answer) body += data;
  return { status: answer.statusCode, headers: answer.headers, body, json: body ? JSON.parse(body) : undefined };
}

/** Registers a document: how clients ask for it by GET. */
async function register(port, text) {
  const extensions = { persistedQuery: { version: 1, sha256Hash: sha256(text) } };
  const parameters = { extensions: JSON.stringify(extensions) };
  const missed = await ask(port, parameters);
  assert.equal(missed.json.errors[0].extensions.code, "PERSISTED_QUERY_NOT_FOUND");
  await ask(port, { query: text, extensions }, { "content-type": "application/json" }, "POST");
  return parameters;
}

/** Requests that reached the server, by status, since `from`. */
function reached(from = 0) {
  const lines = server.log.slice(from).map((line) => JSON.parse(line));
  const requests = lines.filter(({ message, request_id }) => message === "request" && !request_id.startsWith("mark-"));
  return requests.map(({ status }) => status);
}

let marks = 0;
/** Waits until the server has logged what it answered so far: until it has logged one more request. */
async function settled() {
  const id = `mark-${(marks += 1)}`;
  await ask(server.port, { query: "{ __typename }" }, { "x-request-id": id });
  while (!server.log.some((line) => line.includes(id))) await new Promise((resolve) => setTimeout(resolve, 5));
}

await test("the second identical GET with a hash is answered without asking the server", async () => {
  const parameters = await register(cdn, "{ product(id: 3) { id name } }");
  const first = await ask(cdn, parameters);
  assert.equal(first.json.data.product.id, "3");
  assert.equal(first.headers["cache-control"], "max-age=60, public");
  await settled();
  const before = server.log.length;
  for (let left = 20; left > 0; left--) {
    const again = await ask(cdn, parameters);
    assert.equal(again.body, first.body);
    assert.notEqual(again.headers["x-cache-hits"], "0");
  }
  await settled();
  assert.deepEqual(reached(before), []);
});

await test("an answer that has grown old is asked for with its tag, and 304 makes it good again", async () => {
  const parameters = { query: "{ brief(id: 3) { id name } }" };
  const first = await ask(cdn, parameters);
  assert.equal(first.headers["cache-control"], "max-age=1, public");
  await new Promise((resolve) => setTimeout(resolve, 1600));
  await settled();
  const before = server.log.length;
  const again = await ask(cdn, parameters);
  await settled();
  assert.equal(again.status, 200);
  assert.equal(again.body, first.body, "the body is the one that Varnish has");
  assert.deepEqual(reached(before), [304]);
});

await test("a client that has the answer gets 304 from the cache", async () => {
  const parameters = { query: "{ product(id: 4) { id name } }" };
  const first = await ask(cdn, parameters);
  const again = await ask(cdn, parameters, { "if-none-match": first.headers.etag });
  assert.deepEqual([again.status, again.body], [304, ""]);
});

await test("an answer is kept once for each value of a header that took part, and for each media type", async () => {
  const parameters = { query: "{ tenant { id name } }" };
  for (const tenant of ["a", "b", "a", "b"]) {
    const got = await ask(cdn, parameters, { "x-tenant": tenant });
    assert.equal(got.json.data.tenant.name, tenant);
  }
  const type = "application/graphql-response+json";
  for (const accept of ["application/json", type, "application/json"]) {
    const got = await ask(cdn, { query: "{ product(id: 5) { id } }" }, { accept });
    assert.match(got.headers["content-type"], accept === type ? /graphql-response/ : /^application\/json/);
  }
});

await test("errors and what nobody says is good are asked for each time", async () => {
  for (const query of ["{ fresh(id: 3) { id } }", "{ product(id: 99999999) { id } }", "{ nonsense }"]) {
    await settled();
    const before = server.log.length;
    for (let left = 3; left > 0; left--) await ask(cdn, { query });
    await settled();
    assert.equal(reached(before).length, 3, query);
  }
});

for (const [port, name] of [[cdn, "a cache by the book"], [careless, "a cache that forgets about credentials"]]) {
  await test(`one user's private answer is never another's, behind ${name}`, async () => {
    const parameters = await register(port, port === cdn ? "{ me { id name } }" : "{ me { name id } }");
    const users = Array.from({ length: 20 }, (_, number) => `${number + 1}`);
    for (let round = 0; round < 10; round++) {
      const order = users.map((user) => [Math.random(), user]).sort().map(([, user]) => user);
      const answers = order.map(async (user) => {
        const got = await ask(port, parameters, { authorization: `Bearer token-${user}` });
        assert.equal(got.json.data?.me?.id, user, got.body);
        assert.equal(got.headers["cache-control"], "max-age=60, private");
      });
      await Promise.all(answers);
      const nobody = await ask(port, parameters);
      assert.equal(nobody.json.data.me, null, nobody.body);
    }
  });
}

finish();

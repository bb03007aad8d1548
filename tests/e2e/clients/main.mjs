// The clients that frontends use, each from npm, against a running server.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { once } from "node:events";

import { ApolloClient, CombinedGraphQLErrors, HttpLink, InMemoryCache } from "@apollo/client/core/index.js";
import { BatchHttpLink } from "@apollo/client/link/batch-http/index.js";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries/index.js";
import { generatePersistedQueryIdsFromManifest } from "@apollo/persisted-query-lists";
import { persistedExchange } from "@urql/exchange-persisted";
import { build } from "esbuild";
import { GraphQLClient, gql as text } from "graphql-request";
import puppeteer from "puppeteer-core";
import { Client, fetchExchange, gql } from "urql";

import { backends, directory, finish, root, run, serve, sources, start, test } from "../support/stack.mjs";
import { PRODUCT, RENAME, WITH_USER } from "./app/operations.js";

const here = join(root, "tests/e2e/clients");
const require = createRequire(import.meta.url);
const sha256 = (text) => createHash("sha256").update(text).digest("hex");
const token = { authorization: "Bearer token-7" };

// --- what is served ---

const pages = await pageServer();
const other = await pageServer();
const apolloManifest = join(directory, "apollo.json");
const relayManifest = join(directory, "relay.json");
await writeManifests();
const urls = await backends();
const schema = ["schema/shared.graphql", "schema/web/schema.graphql"].map((file) => join(root, file)).join(", ");
const server = await serve(
  "clients",
  `surfaces:
  web: { schema: [${schema}], introspection: true }
  listed:
    schema: [${schema}]
    persisted:
      mode: only
      manifests:
        - { file: ${apolloManifest}, client: shop-web, version: "1.0" }
        - { file: ${relayManifest} }
http: { batching: true, cors: { origins: ["${pages.origin}"] } }
${sources(urls)}`,
);
const WEB = server.url("web");
const LISTED = server.url("listed");

/** A fetch that remembers what was asked how, and answered with which status. */
function watched() {
  const seen = [];
  const fetching = async (url, options = {}) => {
    const answer = await fetch(url, options);
    const body = options.body ? JSON.parse(options.body) : Object.fromEntries(new URL(url).searchParams);
    seen.push({ method: options.method ?? "GET", status: answer.status, hasText: body.query !== undefined });
    return answer;
  };
  return { seen, fetch: fetching };
}

/** Manifests, as the build tools of Apollo and Relay write them. */
async function writeManifests() {
  const bin = (name) => join(here, "node_modules/.bin", name);
  const config = join(directory, "apollo-manifest.json");
  writeFileSync(config, JSON.stringify({ documents: [join(here, "app/operations.js")], output: apolloManifest }));
  const apollo = await run(bin("generate-persisted-query-manifest"), ["--config", config], { cwd: here });
  assert.equal(apollo.code, 0, apollo.stderr + apollo.stdout);

  const relay = join(directory, "relay");
  mkdirSync(join(relay, "src"), { recursive: true });
  writeFileSync(join(relay, "package.json"), '{ "private": true, "type": "module" }');
  copyFileSync(join(here, "relay/App.js"), join(relay, "src/App.js"));
  const sdl = await run(process.env.SWITCHBOARD, ["schema", "--surface", "web"], { cwd: root });
  assert.equal(sdl.code, 0, sdl.stderr);
  assert.match(sdl.stdout, /^type Query/m, "the schema as it was printed");
  writeFileSync(join(relay, "schema.graphql"), sdl.stdout);
  // The compiler adds to it.
  writeFileSync(relayManifest, "{}");
  const settings = {
    src: "./src",
    schema: "./schema.graphql",
    language: "javascript",
    persistConfig: { file: relayManifest, algorithm: "MD5" },
  };
  writeFileSync(join(relay, "relay.config.json"), JSON.stringify(settings));
  const compiled = await run(bin("relay-compiler"), ["relay.config.json"], { cwd: relay });
  assert.equal(compiled.code, 0, compiled.stderr + compiled.stdout);
}

// --- Apollo Client ---

function apollo(link) {
  return new ApolloClient({ link, cache: new InMemoryCache(), clientAwareness: { name: "shop-web", version: "1.0" } });
}

await test("Apollo Client asks by POST", async () => {
  const { seen, fetch } = watched();
  const client = apollo(new HttpLink({ uri: WEB, fetch, headers: token }));
  const { data } = await client.query({ query: WITH_USER, variables: { id: "3" } });
  assert.equal(data.product.id, "3");
  assert.equal(data.me.id, "7");
  assert.deepEqual(seen, [{ method: "POST", status: 200, hasText: true }]);
});

for (const useGETForHashedQueries of [true, false]) {
  const method = useGETForHashedQueries ? "GET" : "POST";
  await test(`Apollo Client's automatic persisted queries by ${method}: refused once, then by hash`, async () => {
    const { seen, fetch } = watched();
    const query = { ...PRODUCT, definitions: structuredClone(PRODUCT.definitions) };
    query.definitions[0].name.value = `ProductBy${method}`;
    const link = new PersistedQueryLink({ sha256, useGETForHashedQueries }).concat(new HttpLink({ uri: WEB, fetch }));
    const client = apollo(link);
    const ask = (id) => client.query({ query, variables: { id }, fetchPolicy: "no-cache" });
    assert.equal((await ask("3")).data.product.id, "3");
    assert.equal((await ask("4")).data.product.id, "4");
    assert.deepEqual(seen, [
      { method, status: 200, hasText: false },
      { method: "POST", status: 200, hasText: true },
      { method, status: 200, hasText: false },
    ]);
  });
}

await test("Apollo Client's BatchHttpLink sends what is asked together as one request, and each gets its own answer", async () => {
  const sent = [];
  const fetching = async (url, options) => {
    const answer = await fetch(url, options);
    sent.push([JSON.parse(options.body).length, answer.status, answer.headers.get("content-type")]);
    return answer;
  };
  const client = apollo(new BatchHttpLink({ uri: WEB, fetch: fetching, headers: token, batchInterval: 50, batchMax: 10 }));
  const ask = (id) => client.query({ query: PRODUCT, variables: { id }, fetchPolicy: "no-cache" });
  const [three, wrong, four] = await Promise.allSettled([ask("3"), ask(null), ask("4")]);
  assert.deepEqual([three.value.data.product.id, four.value.data.product.id], ["3", "4"]);
  assert.ok(CombinedGraphQLErrors.is(wrong.reason), String(wrong.reason));
  assert.equal(wrong.reason.errors[0].extensions.code, "BAD_USER_INPUT");
  assert.deepEqual(sent, [[3, 200, "application/json; charset=utf-8"]]);
});

await test("Apollo Client with a persisted manifest sends ids alone; what is not listed is refused", async () => {
  const { seen, fetch } = watched();
  const ids = generatePersistedQueryIdsFromManifest({
    loadManifest: async () => JSON.parse(readFileSync(apolloManifest, "utf8")),
  });
  const link = new PersistedQueryLink(ids).concat(new HttpLink({ uri: LISTED, fetch, headers: token }));
  const client = apollo(link);
  const { data } = await client.query({ query: WITH_USER, variables: { id: "5" } });
  assert.deepEqual([data.product.id, data.me.id], ["5", "7"]);
  const renamed = await client.mutate({ mutation: RENAME, variables: { id: "7", to: "Omar" } });
  assert.equal(renamed.data.updateProfile.name, "Omar");
  assert.ok(seen.every(({ status, hasText }) => status === 200 && !hasText), JSON.stringify(seen));
  const texts = apollo(new HttpLink({ uri: LISTED }));
  await assert.rejects(texts.query({ query: PRODUCT, variables: { id: "3" } }), (error) => {
    assert.ok(CombinedGraphQLErrors.is(error), String(error));
    assert.equal(error.errors[0].extensions.code, "PERSISTED_QUERY_ID_REQUIRED");
    return true;
  });
});

await test("Apollo Client's error policies see the part that is there and the error of the rest", async () => {
  const client = apollo(new HttpLink({ uri: WEB }));
  const ask = (errorPolicy) =>
    client.query({ query: WITH_USER, variables: { id: "3" }, errorPolicy, fetchPolicy: "no-cache" });
  await assert.rejects(ask("none"), (error) => {
    assert.ok(CombinedGraphQLErrors.is(error), String(error));
    assert.equal(error.errors[0].extensions.code, "UNAUTHENTICATED");
    assert.deepEqual(error.errors[0].path, ["me"]);
    return true;
  });
  const all = await ask("all");
  assert.deepEqual([all.data.product.id, all.data.me], ["3", null]);
  assert.equal(all.error.errors.length, 1);
  const ignore = await ask("ignore");
  assert.deepEqual([ignore.data.product.id, ignore.error], ["3", undefined]);
});

// --- urql ---

await test("urql asks by POST and by GET", async () => {
  for (const preferGetMethod of [false, "force"]) {
    const { seen, fetch } = watched();
    const client = new Client({ url: WEB, preferGetMethod, fetch, exchanges: [fetchExchange] });
    const { data, error } = await client.query(gql`query U($id: ID!) { product(id: $id) { id name } }`, { id: "3" });
    assert.equal(error, undefined);
    assert.equal(data.product.id, "3");
    assert.equal(seen[0].method, preferGetMethod ? "GET" : "POST");
  }
});

await test("urql's persisted exchange: refused once, then by hash", async () => {
  const { seen, fetch } = watched();
  const exchanges = [persistedExchange({ preferGetForPersistedQueries: true }), fetchExchange];
  const client = new Client({ url: WEB, fetch, exchanges, preferGetMethod: false, requestPolicy: "network-only" });
  const query = gql`query UrqlPersisted($id: ID!) { product(id: $id) { id name } }`;
  for (const id of ["3", "4"]) {
    const { data, error } = await client.query(query, { id });
    assert.equal(error, undefined);
    assert.equal(data.product.id, id);
  }
  assert.deepEqual(
    seen.map(({ method, hasText }) => `${method} ${hasText}`),
    ["GET false", "GET true", "GET false"],
  );
});

await test("urql sends documentId for a persisted document, and tells errors with the data there is", async () => {
  const ids = Object.keys(JSON.parse(readFileSync(relayManifest, "utf8")));
  const { seen, fetch } = watched();
  const client = new Client({ url: LISTED, fetch, exchanges: [fetchExchange], preferGetMethod: false });
  // As gql.tada makes them.
  const document = { kind: "Document", definitions: [], documentId: ids[0] };
  const { data, error } = await client.query(document, { id: "3" });
  assert.equal(error, undefined);
  assert.equal(data.product.id, "3");
  assert.equal(seen[0].hasText, false);
  const open = new Client({ url: WEB, exchanges: [fetchExchange], preferGetMethod: false });
  const partial = await open.query(gql`{ product(id: 3) { id } me { id } }`, {});
  assert.equal(partial.data.product.id, "3");
  assert.equal(partial.error.graphQLErrors[0].extensions.code, "UNAUTHENTICATED");
});

// --- Relay ---

await test("Relay asks by the ids that its compiler wrote", async () => {
  const { Environment, Network, RecordSource, Store, fetchQuery } = require("relay-runtime");
  const { default: artifact } = await import(join(directory, "relay/src/__generated__/AppQuery.graphql.js"));
  assert.equal(artifact.params.text, null, "the text stays in the manifest");
  assert.match(artifact.params.id, /^[0-9a-f]{32}$/);
  for (const method of ["POST", "GET"]) {
    const network = Network.create(async (params, variables) => {
      const asked = { documentId: params.id, variables };
      const headers = { accept: "application/graphql-response+json", "content-type": "application/json" };
      const query = new URLSearchParams({ documentId: params.id, variables: JSON.stringify(variables) });
      const answer =
        method === "POST"
          ? await fetch(LISTED, { method, headers, body: JSON.stringify(asked) })
          : await fetch(`${LISTED}?${query}`, { headers: { accept: headers.accept } });
      return answer.json();
    });
    const environment = new Environment({ network, store: new Store(new RecordSource()) });
    const data = await fetchQuery(environment, artifact, { id: "3" }).toPromise();
    assert.equal(data.product.id, "3");
    assert.equal(data.product.price.currency, "EUR");
  }
});

// --- graphql-request ---

await test("graphql-request asks by POST and GET, and throws errors with the data there is", async () => {
  const query = text`query R($id: ID!) { product(id: $id) { id name } }`;
  for (const method of ["POST", "GET"]) {
    const client = new GraphQLClient(WEB, { method, jsonSerializer: JSON });
    assert.equal((await client.request(query, { id: "3" })).product.id, "3");
  }
  const client = new GraphQLClient(WEB);
  await assert.rejects(client.request(text`{ product(id: 3) { id } me { id } }`), (error) => {
    assert.equal(error.response.errors[0].extensions.code, "UNAUTHENTICATED");
    assert.equal(error.response.data.product.id, "3");
    return true;
  });
  await assert.rejects(client.request(text`{ product(id: 3) { nothing } }`), (error) => {
    assert.equal(error.response.errors[0].extensions.code, "GRAPHQL_VALIDATION_FAILED");
    return true;
  });
  const all = await new GraphQLClient(WEB, { errorPolicy: "all" }).rawRequest("{ product(id: 3) { id } me { id } }");
  assert.deepEqual([all.data.product.id, all.errors.length], ["3", 1]);
});

// --- a browser ---

/** Serves the page at an origin of its own. */
async function pageServer() {
  const bundle = await build({
    entryPoints: [join(here, "app/page.js")],
    bundle: true,
    write: false,
    format: "iife",
    define: { "process.env.NODE_ENV": '"production"' },
  });
  const script = bundle.outputFiles[0].text;
  const server = createServer((request, answer) => {
    const isScript = request.url.startsWith("/page.js");
    answer.setHeader("content-type", isScript ? "text/javascript" : "text/html");
    answer.end(isScript ? script : '<!doctype html><title>shop</title><script src="/page.js"></script>');
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, origin: `http://127.0.0.1:${server.address().port}` };
}

async function inBrowser(browser, origin) {
  const page = await browser.newPage();
  await page.goto(`${origin}/?uri=${encodeURIComponent(WEB)}`);
  const handle = await page.waitForFunction("window.outcome", { timeout: 20_000 });
  const outcome = await handle.jsonValue();
  await page.close();
  return outcome;
}

await test("Apollo Client in Chromium: a page of a listed origin is answered, one of another is refused by the browser", async () => {
  const browser = await puppeteer.launch({
    executablePath: process.env.CHROMIUM,
    headless: true,
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
  });
  try {
    const listed = await inBrowser(browser, pages.origin);
    assert.equal(listed.error, undefined);
    assert.equal(listed.names.length, 2);
    assert.deepEqual(listed.requests, ["GET", "POST", "GET"], "by hash, after having sent the text once");
    const unlisted = await inBrowser(browser, other.origin);
    assert.match(unlisted.error, /Failed to fetch/);
  } finally {
    await browser.close();
  }
});

finish();

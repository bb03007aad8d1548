// Two servers that share registered documents in Redis, and a Redis that fails in every way it knows.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";

import { backends, directory, finish, freePort, root, serve, sources, start, test } from "../support/stack.mjs";

const sha256 = (text) => createHash("sha256").update(text).digest("hex");
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const port = await freePort();
let redis = await startRedis();
const urls = await backends();
const yaml = `surfaces: { web: { schema: ${join(root, "tests/e2e/cdn/schema.graphql")} } }
documents: { redis: "redis://127.0.0.1:${port}", timeout: 250ms }
${sources({ catalog: urls.catalog, accounts: urls.accounts })}`;
const [one, other] = [await serve("one", yaml), await serve("other", yaml)];

async function startRedis(settings = []) {
  mkdirSync(join(directory, "redis"), { recursive: true });
  const args = ["--port", `${port}`, "--bind", "127.0.0.1", "--save", "", "--dir", join(directory, "redis"), ...settings];
  const child = start("redis-server", args);
  for (let left = 200; left > 0; left--) {
    if ((await command("PING").catch(() => "")) === "+PONG") return child;
    await pause(25);
  }
  throw new Error("redis-server did not start");
}

/** One command on a connection of its own: the first line of what Redis says. */
function command(...words) {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => {
      const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
      socket.write(`*${words.length}\r\n${parts.join("")}`);
    });
    socket.setTimeout(2000, () => socket.destroy(new Error("Redis does not answer")));
    socket.once("data", (data) => {
      resolve(data.toString().split("\r\n")[0]);
      socket.destroy();
    });
    socket.once("error", reject);
  });
}

async function ask(server, body) {
  const started = performance.now();
  const answer = await fetch(server.url("web"), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return { status: answer.status, json: await answer.json(), took: performance.now() - started };
}

let number = 0;
/** A document that nobody has sent yet, and how it is named. */
function fresh() {
  const text = `{ product(id: 3) { id name } } # ${(number += 1)}`;
  return { text, extensions: { persistedQuery: { version: 1, sha256Hash: sha256(text) } } };
}

const isAnswered = ({ status, json }) => status === 200 && json.data?.product?.id === "3" && !json.errors;
const isMissed = ({ status, json }) =>
  status === 200 && json.errors?.[0].extensions.code === "PERSISTED_QUERY_NOT_FOUND";

/** What an Apollo client does: by hash; with the text when that is not known. */
async function asClient(server, { text, extensions }) {
  const first = await ask(server, { extensions });
  if (isAnswered(first)) return [first];
  assert.ok(isMissed(first), JSON.stringify(first.json));
  const second = await ask(server, { query: text, extensions });
  assert.ok(isAnswered(second), JSON.stringify(second.json));
  return [first, second];
}

/** Registers with one server until the other knows it: how often that took. */
async function untilShared() {
  for (let turn = 1; turn <= 60; turn++) {
    const document = fresh();
    await asClient(one, document);
    await pause(100);
    if (isAnswered(await ask(other, { extensions: document.extensions }))) return turn;
  }
  throw new Error("nothing is shared");
}

/** Waits until Redis has a document's own text. */
async function stored({ text }) {
  const length = `:${Buffer.byteLength(text)}`;
  for (let left = 200; left > 0; left--) {
    if ((await command("STRLEN", `switchboard:document:1:${sha256(text)}`)) === length) return;
    await pause(10);
  }
  throw new Error("the document is not stored");
}

async function metric(server, outcome) {
  const text = await (await fetch(`http://127.0.0.1:${server.admin}/metrics`)).text();
  return Number(text.match(new RegExp(`persisted_requests_total\\{surface="web",outcome="${outcome}"\\} (\\d+)`))?.[1] ?? 0);
}

await test("what one server was sent, the other knows", async () => {
  await untilShared();
  assert.ok((await metric(other, "shared")) >= 1);
  const document = fresh();
  await asClient(one, document);
  await stored(document);
  assert.match(await command("TTL", `switchboard:document:1:${sha256(document.text)}`), /^:2[0-9]{6}$/);
});

await test("garbage under a key is no document, is counted, and is put right by the next client", async () => {
  const document = fresh();
  const key = `switchboard:document:1:${sha256(document.text)}`;
  await command("SET", key, "{ me { id } }");
  const before = await metric(other, "foreign");
  assert.equal((await asClient(other, document)).length, 2);
  assert.equal(await metric(other, "foreign"), before + 1);
  await stored(document);
  assert.ok(isAnswered(await ask(one, { extensions: document.extensions })));
  const list = fresh();
  await command("RPUSH", `switchboard:document:1:${sha256(list.text)}`, "x");
  assert.equal((await asClient(one, list)).length, 2, "another type of value");
});

await test("a Redis that forgets everything, or takes no writes, is no trouble", async () => {
  await command("FLUSHALL");
  for (let left = 20; left > 0; left--) await asClient(left % 2 ? one : other, fresh());
  await command("CONFIG", "SET", "maxmemory", "1");
  for (let left = 20; left > 0; left--) assert.equal((await asClient(left % 2 ? one : other, fresh())).length, 2);
  await command("CONFIG", "SET", "maxmemory", "0");
  assert.ok(await untilShared());
});

await test("a Redis that hangs costs a moment once and no error", async () => {
  redis.kill("SIGSTOP");
  const known = fresh();
  const answers = [];
  for (let left = 50; left > 0; left--) answers.push(...(await asClient(left % 2 ? one : other, fresh())));
  await asClient(one, known);
  redis.kill("SIGCONT");
  console.log(`      slowest answer ${Math.max(...answers.map(({ took }) => took)).toFixed(1)} ms`);
  assert.ok(await untilShared());
});

await test("a Redis that is gone costs nothing, and is used again when it is back", async () => {
  const gone = once(redis, "exit");
  redis.kill("SIGKILL");
  await gone;
  for (let left = 50; left > 0; left--) await asClient(left % 2 ? one : other, fresh());
  redis = await startRedis();
  const started = performance.now();
  await untilShared();
  console.log(`      shared again after ${Math.round(performance.now() - started)} ms`);
});

finish();

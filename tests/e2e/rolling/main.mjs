// Two servers behind a balancer are restarted in turn while clients ask without a pause.

import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { backends, directory, finish, freePort, ready, serve, sources, start, test } from "../support/stack.mjs";

const RESTARTS = Number(process.env.RESTARTS ?? 6);
/** Requests that are started in a second, whatever became of those before. */
const RATE = Number(process.env.RATE ?? 200);

const SCHEMA = `
extend schema
  @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@source", "@connect"])
  @source(name: "catalog", http: { baseURL: "http://catalog.internal" })
type Query {
  product(id: ID!): Product
    @connect(source: "catalog", http: { GET: "/products/{$args.id}" }, selection: "id name: title")
}
type Product { id: ID! name: String }
`;

writeFileSync(join(directory, "schema.graphql"), SCHEMA);
const urls = await backends();
// The balancer looks every 100 ms: by the time new requests are no longer taken it has long known.
const yaml = `surfaces: { web: { schema: ${join(directory, "schema.graphql")} } }
http: { shutdown_delay: 1s }
${sources({ catalog: urls.catalog })}`;

/** A server that can be started again where it was. */
async function replica(name) {
  let running = await serve(name, yaml);
  const { port, admin, file } = running;
  return {
    port,
    admin,
    async restart() {
      const ended = once(running.child, "exit");
      running.child.kill("SIGTERM");
      const [code] = await ended;
      assert.equal(code, 0, "SIGTERM is a clean end");
      const child = start(process.env.SWITCHBOARD, ["serve", "--config", file], { cwd: directory });
      child.stderr.resume();
      child.stdout.resume();
      running = { ...running, child };
      await ready(`http://127.0.0.1:${admin}/ready`);
    },
  };
}

const replicas = [await replica("a"), await replica("b")];
const [front, stats] = [await freePort(), await freePort()];
const servers = replicas.map(({ port, admin }, number) => `  server s${number} 127.0.0.1:${port} check port ${admin}`);
writeFileSync(
  join(directory, "haproxy.cfg"),
  `global
  maxconn 2000
defaults
  mode http
  timeout connect 1s
  timeout client 30s
  timeout server 30s
  timeout check 2s
  retries 2
  retry-on conn-failure
  option redispatch
frontend public
  bind 127.0.0.1:${front}
  default_backend switchboard
backend switchboard
  option httpchk GET /ready
  default-server inter 100ms fall 2 rise 2
${servers.join("\n")}
frontend stats
  bind 127.0.0.1:${stats}
  stats enable
  stats uri /
`,
);
const proxy = start("haproxy", ["-db", "-f", join(directory, "haproxy.cfg")]);
proxy.stdout.resume();
proxy.stderr.resume();

/** Waits until the balancer sends requests to both, as whoever restarts servers in turn has to. */
async function bothServe() {
  for (let left = 600; left > 0; left--) {
    const table = await (await fetch(`http://127.0.0.1:${stats}/;csv`)).text();
    const states = table.split("\n").filter((line) => /^switchboard,s\d,/.test(line)).map((line) => line.split(",")[17]);
    if (states.length === 2 && states.every((state) => state === "UP")) return;
    await sleep(50);
  }
  throw new Error("the balancer does not take both servers");
}

// --- load ---

const agent = new Agent({ keepAlive: true, maxSockets: 64 });
const seen = { answered: 0, failures: [], took: [] };

async function ask(id) {
  const headers = { "content-type": "application/json" };
  const started = performance.now();
  const asked = request({ host: "127.0.0.1", port: front, agent, method: "POST", path: "/web/graphql", headers });
  asked.end(JSON.stringify({ query: "query Product($id: ID!) { product(id: $id) { id name } }", variables: { id } }));
  const [answer] = await once(asked, "response");
  let body = "";
  for await (const data of answer) body += data;
  seen.took.push(performance.now() - started);
  const id_of = answer.statusCode === 200 ? JSON.parse(body).data?.product?.id : undefined;
  if (id_of !== id) throw new Error(`${answer.statusCode}: ${body.slice(0, 200)}`);
}

let isOver = false;
async function load() {
  const under_way = new Set();
  const begun = performance.now();
  for (let number = 0; !isOver; number++) {
    const asking = ask(String((number % 50) + 1))
      .then(() => (seen.answered += 1))
      .catch((error) => seen.failures.push(`${Math.round(performance.now() - begun)} ms: ${error}`))
      .finally(() => under_way.delete(asking));
    under_way.add(asking);
    await sleep(Math.max(0, begun + (number + 1) * (1000 / RATE) - performance.now()));
  }
  await Promise.all(under_way);
}

await ready(`http://127.0.0.1:${front}/web/graphql?query=%7B__typename%7D`);

await test(`${RESTARTS} restarts under load fail no request`, async () => {
  await bothServe();
  const loading = load();
  await sleep(300);
  for (let number = 0; number < RESTARTS; number++) {
    await replicas[number % 2].restart();
    // Not what the balancer knew before the server was ended.
    await sleep(100);
    await bothServe();
  }
  isOver = true;
  await loading;

  seen.took.sort((one, other) => one - other);
  const at = (share) => seen.took[Math.floor(seen.took.length * share)]?.toFixed(1);
  console.log(`${seen.answered} answered, ${seen.failures.length} failed; ms: p50 ${at(0.5)}, p99 ${at(0.99)}, most ${at(0.9999)}`);
  assert.deepEqual(seen.failures.slice(0, 5), []);
  assert.ok(seen.answered > RESTARTS * RATE, `${seen.answered} answers`);
});

finish();

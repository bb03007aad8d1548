// Processes for a test: the demo's backends on free ports, Switchboard in front of them. All end with the test.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export const root = resolve(dirname(fileURLToPath(import.meta.url)), "../../..");
export const directory = mkdtempSync(join(tmpdir(), "switchboard-e2e-"));

const children = new Set();
process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(directory, { recursive: true, force: true });
});
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));

/** Starts a program that ends with the test. */
export function start(command, args, options = {}) {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
  children.add(child);
  child.on("exit", () => children.delete(child));
  child.on("error", (error) => {
    throw error;
  });
  return child;
}

/** Runs a program to its end: status and output. */
export async function run(command, args, options = {}) {
  const child = start(command, args, options);
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"]) child[name].on("data", (data) => (output[name] += data));
  const [code] = await once(child, "close");
  return { code, ...output };
}

/** A port that nobody listens on. */
export async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/** The demo's backends: their URLs by name. */
export async function backends() {
  const child = start(process.env.DEMO_SHOP, ["--free-ports"]);
  const urls = {};
  for await (const line of createInterface({ input: child.stdout })) {
    const [name, url] = line.split(" ");
    urls[name] = url;
    if (Object.keys(urls).length === 5) return urls;
  }
  throw new Error("the demo's backends did not start");
}

/** Waits until a URL answers with success. */
export async function ready(url) {
  for (let left = 300; left > 0; left--) {
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${url} is not ready`);
}

/** `sources:` of a configuration. */
export function sources(urls) {
  const lines = Object.entries(urls).map(([name, url]) => `  ${name}: { override_url: "${url}" }`);
  return `sources:\n${lines.join("\n").replace(/( {2}orders: \{)/, '$1 config: { apiKey: demo },')}\n`;
}

/** Serves a configuration without its addresses: where, and the lines of its log. */
export async function serve(name, yaml) {
  const [port, admin] = [await freePort(), await freePort()];
  const file = join(directory, `${name}.yaml`);
  writeFileSync(file, `listen: 127.0.0.1:${port}\nadmin: 127.0.0.1:${admin}\n${yaml}\nlog: { requests: all }\n`);
  const child = start(process.env.SWITCHBOARD, ["serve", "--config", file], { cwd: directory });
  const log = [];
  createInterface({ input: child.stderr }).on("line", (line) => log.push(line));
  const ended = once(child, "exit").then(() => {
    throw new Error(`the server ended:\n${log.join("\n")}`);
  });
  ended.catch(() => {});
  await Promise.race([ready(`http://127.0.0.1:${admin}/ready`), ended]);
  const url = (surface) => `http://127.0.0.1:${port}/${surface}/graphql`;
  return { port, admin, url, log, child, file };
}

let failed = 0;
/** One promise: told with its name, whether it holds. */
export async function test(name, body) {
  try {
    await body();
    console.log(`ok    ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED ${name}\n${error.stack ?? error}`);
  }
}

/** Ends the test. */
export function finish() {
  process.exit(failed === 0 ? 0 : 1);
}

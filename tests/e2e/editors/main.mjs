// Opens the demo's files in the language servers that editors run, and waits for what they underline in red.
//
// The same servers are shown files with a mistake in them, and must see it: silence would prove nothing.

import { spawn } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import rpc from "vscode-languageserver-protocol/node";

const root = resolve(process.argv[2] ?? ".");
const require = createRequire(import.meta.url);
const WAIT_MS = 60_000;

class Server {
  /** Starts a language server that talks over standard input and output. */
  static async start(name, args) {
    const child = spawn(process.execPath, args, { cwd: root, stdio: ["pipe", "pipe", "pipe"] });
    const server = new Server(name, child);
    child.stderr.on("data", (data) => (server.log += data));
    child.on("exit", (status) => {
      if (!server.stopped) {
        console.error(`${name} ended (${status})\n${server.log}`);
        process.exit(1);
      }
    });
    const connection = rpc.createProtocolConnection(
      new rpc.StreamMessageReader(child.stdout),
      new rpc.StreamMessageWriter(child.stdin),
    );
    server.connection = connection;
    connection.onNotification("textDocument/publishDiagnostics", (found) => server.published(found));
    connection.onRequest("workspace/configuration", ({ items }) => items.map(() => null));
    connection.onRequest("client/registerCapability", () => null);
    connection.listen();
    await connection.sendRequest("initialize", {
      processId: process.pid,
      rootPath: root,
      rootUri: pathToFileURL(root).href,
      capabilities: { workspace: { configuration: true } },
      workspaceFolders: [{ uri: pathToFileURL(root).href, name: "demo" }],
    });
    await connection.sendNotification("initialized", {});
    return server;
  }

  constructor(name, child) {
    Object.assign(this, { name, child, log: "", found: new Map(), waiting: new Map() });
  }

  published({ uri, diagnostics }) {
    this.found.set(uri, diagnostics);
    this.waiting.get(uri)?.(diagnostics);
  }

  /** What the server says of a file, or of another text under its name. */
  async diagnose(path, languageId, text = readFileSync(join(root, path), "utf8")) {
    const uri = pathToFileURL(join(root, path)).href;
    const told = new Promise((resolve, reject) => {
      this.waiting.set(uri, resolve);
      this.timer = setTimeout(() => reject(new Error(`${this.name} says nothing of ${path}\n${this.log}`)), WAIT_MS);
    });
    await this.connection.sendNotification("textDocument/didOpen", {
      // The servers remember what they made of a version.
      textDocument: { uri, languageId, version: ++version, text },
    });
    const diagnostics = await told;
    clearTimeout(this.timer);
    this.waiting.delete(uri);
    await this.connection.sendNotification("textDocument/didClose", { textDocument: { uri } });
    return diagnostics.map(({ range, message }) => `${path}:${range.start.line + 1}: ${message}`);
  }

  stop() {
    this.stopped = true;
    this.connection.dispose();
    this.child.kill();
  }
}

const files = (folder) => readdirSync(join(root, folder)).filter((name) => name.endsWith(".graphql")).map((name) => join(folder, name));
const failures = [];
let opened = 0;
let version = 0;

async function expectClean(server, path, languageId) {
  opened += 1;
  failures.push(...(await server.diagnose(path, languageId)));
}

async function expectComplaint(server, path, languageId, change, about) {
  const text = change(readFileSync(join(root, path), "utf8"));
  const found = await server.diagnose(path, languageId, text);
  if (!found.some((line) => line.includes(about))) {
    failures.push(`${server.name} does not see the mistake in ${path}: ${about} (it says: ${found.join(" | ") || "nothing"})`);
  }
}

const graphql = await Server.start("graphql-language-service-server", [
  "-e",
  `require(${JSON.stringify(require.resolve("graphql-language-service-server"))}).startServer({ method: "stream" })`,
]);
for (const path of ["schema/directives.graphql", "schema/shared.graphql", "schema/mobile/schema.graphql", "schema/web/schema.graphql"]) {
  await expectClean(graphql, path, "graphql");
}
for (const path of [...files("schema/mobile/operations"), ...files("schema/web/operations")]) {
  await expectClean(graphql, path, "graphql");
}
const operation = files("schema/web/operations")[0];
await expectComplaint(graphql, operation, "graphql", (text) => text.replace("{", "{ noSuchField "), "noSuchField");
await expectComplaint(graphql, "schema/web/schema.graphql", "graphql", (text) => text.replace("@connect(", "@conect("), "conect");
await expectComplaint(graphql, "schema/web/schema.graphql", "graphql", (text) => text.replace("selection:", "selektion:"), "selektion");
graphql.stop();

// The part of the YAML language server that validates; it finds the schema by the first line of the file, as in an editor.
const { getLanguageService } = require("yaml-language-server");
const { TextDocument } = require("vscode-languageserver-textdocument");
const service = getLanguageService({
  schemaRequestService: async (uri) => readFileSync(new URL(uri), "utf8"),
  workspaceContext: { resolveRelativePath: (path, resource) => new URL(path, resource).href },
});
service.configure({ validate: true });
const yaml = {
  name: "yaml-language-server",
  async diagnose(path, languageId, text = readFileSync(join(root, path), "utf8")) {
    const document = TextDocument.create(pathToFileURL(join(root, path)).href, languageId, ++version, text);
    const found = await service.doValidation(document, false);
    return found.map(({ range, message }) => `${path}:${range.start.line + 1}: ${message}`);
  },
};
await expectClean(yaml, "switchboard.yaml", "yaml");
await expectComplaint(yaml, "switchboard.yaml", "yaml", (text) => text.replace("introspection:", "introspektion:"), "introspektion");
await expectComplaint(yaml, "switchboard.yaml", "yaml", (text) => text.replace("depth: 10", "depth: deep"), "integer");

if (failures.length > 0) {
  console.error(failures.join("\n"));
  process.exit(1);
}
console.log(`${opened} files without a red line`);

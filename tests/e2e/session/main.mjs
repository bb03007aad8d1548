// A user's session in a real browser: what its own pages get, what pages of other origins get, and how it ends.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer, request } from "node:http";
import { join } from "node:path";

import puppeteer from "puppeteer-core";

import { backends, directory, finish, root, serve, sources, test } from "../support/stack.mjs";

const here = join(root, "tests/e2e/session");
const SECRET = "a secret that only this test knows, and its server";
process.env.TOKEN_SECRET = SECRET;

/** A user's token, good for so many seconds. */
function token(user, seconds, more = {}) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = { iss: "https://login.example", aud: "shop-web", sub: user, exp: now() + seconds, ...more };
  const text = `${part({ alg: "HS256", typ: "JWT", kid: "s1" })}.${part(claims)}`;
  return `${text}.${createHmac("sha256", SECRET).update(text).digest("base64url")}`;
}

const now = () => Math.floor(Date.now() / 1000);

// --- what is served ---

const script = readFileSync(join(here, "app.js"));

/** Serves the page at an origin of its own and, as a proxy in front of both would, the server at the same origin. */
async function site() {
  const proxied = { port: 0 };
  const listening = createServer((asked, answer) => {
    if (asked.url.startsWith("/page")) {
      answer.setHeader("content-type", "text/html");
      answer.end('<!doctype html><title>shop</title><p id="status"></p><script src="/app.js"></script>');
    } else if (asked.url === "/app.js") {
      answer.setHeader("content-type", "text/javascript");
      answer.end(script);
    } else if (proxied.port === 0) {
      answer.writeHead(404).end();
    } else {
      const { method, url, headers } = asked;
      const passed = request({ host: "127.0.0.1", port: proxied.port, method, path: url, headers }, (got) => {
        answer.writeHead(got.statusCode, got.rawHeaders);
        got.pipe(answer);
      });
      passed.on("error", () => answer.destroy());
      asked.pipe(passed);
    }
  });
  listening.listen(0, "127.0.0.1");
  await once(listening, "listening");
  const { port } = listening.address();
  return { proxied, origin: `http://127.0.0.1:${port}`, elsewhere: `http://localhost:${port}` };
}

const [own, partner, evil] = [await site(), await site(), await site()];
const revoked = join(directory, "revoked.json");
writeFileSync(revoked, '{ "jti": [] }');
const urls = await backends();
const server = await serve(
  "session",
  `surfaces: { web: { schema: ${join(here, "schema.graphql")} } }
auth:
  issuers:
    main:
      issuer: https://login.example
      audience: shop-web
      leeway: 0s
      keys: [{ kid: s1, algorithm: HS256, secret: "\${TOKEN_SECRET}" }]
  session: { cookie: session, secure: false }
  revoked: { file: ${revoked} }
http: { cors: { origins: ["${partner.origin}"], credentials: true } }
${sources({ accounts: urls.accounts })}`,
);
own.proxied.port = server.port;
const api = `http://127.0.0.1:${server.port}`;

const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM,
  headless: true,
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});
process.on("exit", () => browser.process()?.kill("SIGKILL"));

/** A new visitor, with no cookies, at our own page. */
async function visitor() {
  const context = await browser.createBrowserContext();
  const open = async (url) => {
    const page = await context.newPage();
    await page.goto(url);
    return page;
  };
  const page = await open(`${own.origin}/page`);
  return { context, open, page };
}

/** Runs a line in a page: its value or, as a text, how it failed. */
const on = (page, line) => page.evaluate(`outcome((async () => ${line})())`);

/** Requests with a status that the server has seen since `from`, once there are so many. */
async function seen(from, count) {
  for (let left = 200; left > 0; left--) {
    const lines = server.log.slice(from).map((line) => JSON.parse(line));
    const requests = lines.filter(({ message }) => message === "request");
    if (requests.length >= count) return requests.map(({ status }) => status);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`fewer than ${count} requests: ${server.log.slice(from).join("\n")}`);
}

async function loggedIn(seconds = 300, more = {}) {
  const user = await visitor();
  assert.equal(await on(user.page, `login(${JSON.stringify(token("7", seconds, more))})`), 204);
  return user;
}

// --- our own pages ---

await test("who logs in gets a cookie that no script can read, and is known by it", async () => {
  const { page, context } = await visitor();
  const before = await on(page, "ask()");
  assert.deepEqual([before.status, before.said], [200, "log in again"]);
  assert.deepEqual(before.data, { greeting: "Welcome", me: null }, "the rest is there for anybody");
  assert.equal(await on(page, `login("no token")`), 401);
  assert.deepEqual(await context.cookies(), []);

  assert.equal(await on(page, `login(${JSON.stringify(token("7", 300))})`), 204);

  assert.equal(await page.evaluate("document.cookie"), "");
  const [cookie, ...others] = await context.cookies();
  assert.deepEqual(others, []);
  assert.deepEqual([cookie.name, cookie.httpOnly, cookie.sameSite, cookie.path], ["session", true, "Lax", "/"]);
  assert.ok(cookie.expires <= now() + 300, "not longer than its token");
  const known = await on(page, "ask()");
  assert.deepEqual([known.status, known.data.me.id], [200, "7"]);
  assert.match(known.said, /^hello \S/);
  await page.reload();
  assert.equal((await on(page, "ask()")).data.me.id, "7");
  const stranger = await visitor();
  assert.equal((await on(stranger.page, "ask()")).data.me, null);
});

await test("who logs out is nobody", async () => {
  const { page, context } = await loggedIn();
  assert.equal(await on(page, "logout()"), 204);
  assert.deepEqual(await context.cookies(), []);
  assert.equal((await on(page, "ask()")).said, "log in again");
});

await test("our own page needs no special header for a GET", async () => {
  const { page } = await loggedIn();
  const got = await on(page, "ask({ method: 'GET' })").catch(String);
  assert.match(String(got), /cannot have body/, "browsers send no body with a GET");
  const query = `fetch("/web/graphql?query=" + encodeURIComponent("{ me { id } }")).then((answer) => answer.json())`;
  assert.deepEqual(await on(page, query), { data: { me: { id: "7" } } });
});

// --- pages of other origins ---

await test("a page of an origin that is not listed gets nothing, whichever way it asks", async () => {
  const user = await loggedIn();
  for (const origin of [evil.origin, evil.elsewhere]) {
    const page = await user.open(`${origin}/page?api=${encodeURIComponent(api)}`);
    const from = server.log.length;
    const url = JSON.stringify(`${api}/web/graphql?query=${encodeURIComponent("{ me { id } }")}`);
    const body = JSON.stringify(JSON.stringify({ query: "{ me { id } }" }));
    const asks = [
      // Asked for first, and refused: the POST itself is never sent.
      ["ask()", /Failed to fetch/, 204],
      ["logout()", /Failed to fetch/, 403],
      ["login('x')", /Failed to fetch/, 403],
      [`fetch(${url}, { credentials: "include" })`, /Failed to fetch/, 403],
      [`fetch(${url}, { credentials: "include", headers: { "graphql-require-preflight": "1" } })`, /Failed to fetch/, 204],
      // Sent without asking. The page cannot read what comes of it, and nothing does.
      [`fetch(${url}, { mode: "no-cors", credentials: "include" }).then(({ type }) => type)`, /opaque/, 403],
      [`fetch(${url}, { method: "POST", mode: "no-cors", credentials: "include", body: ${body} }).then(({ type }) => type)`, /opaque/, [403, 415]],
      [`new Promise((over) => { const image = new Image(); image.onerror = () => over("no image"); image.src = ${url}; })`, /no image/, 403],
      [`new Promise((over) => { const script = document.createElement("script"); script.onerror = () => over("no script"); script.src = ${url}; document.head.append(script); })`, /no script/, 403],
    ];
    for (const [line, expected] of asks) assert.match(String(await on(page, line)), expected, line);
    const statuses = await seen(from, asks.length);
    asks.forEach(([line, , status], at) => assert.ok([status].flat().includes(statuses[at]), `${line}: ${statuses[at]}`));
    // A link and a form: the whole page becomes the answer.
    for (const go of [
      `location.href = ${url}`,
      `document.body.insertAdjacentHTML("beforeend", '<form method="POST" enctype="text/plain" action="${api}/web/graphql"><input name=\\'{"query":"{ me { id } }","x":"\\' value=\\'"}\\'></form>'), document.forms[0].submit()`,
    ]) {
      const visiting = await user.open(`${origin}/page`);
      await Promise.all([visiting.waitForNavigation(), visiting.evaluate(go)]);
      const text = await visiting.evaluate("document.body.innerText");
      assert.match(text, /"code":\s?"(FORBIDDEN|BAD_REQUEST)"/, text);
      assert.doesNotMatch(text, /"data"/);
    }
  }
  assert.equal((await on(user.page, "ask()")).data.me.id, "7", "and the session is as it was");
});

await test("a page of a listed origin has the session too: logs in, asks, is told of refusals, logs out", async () => {
  const user = await visitor();
  const page = await user.open(`${partner.origin}/page?api=${encodeURIComponent(api)}`);
  assert.equal(await on(page, `login("no token")`), 401, "it can read the status");
  assert.equal(await on(page, `login(${JSON.stringify(token("7", 300))})`), 204);
  const known = await on(page, "ask()");
  assert.equal(known.data?.me.id, "7", JSON.stringify(known));
  const query = `fetch("${api}/web/graphql?query=" + encodeURIComponent("{ me { id } }"), { credentials: "include" }).then((answer) => answer.json())`;
  assert.deepEqual(await on(page, query), { data: { me: { id: "7" } } });
  assert.deepEqual(await on(page, query.replace('"include"', '"omit"')).then(({ data }) => data), { me: null });
  assert.equal(await on(page, "logout()"), 204);
  assert.equal((await on(page, "ask()")).said, "log in again");
});

// --- how it ends ---

await test("when the token's time is up the page says so, and a new login is all it takes", async () => {
  const { page, context } = await loggedIn(3);
  assert.equal((await on(page, "ask()")).data.me.id, "7");
  const [cookie] = await context.cookies();
  assert.ok(cookie.expires <= now() + 3);
  // A browser whose clock is late still sends it.
  await context.setCookie({ ...cookie, expires: now() + 300 });
  let answer = await on(page, "ask()");
  for (let left = 100; left > 0 && answer.status === 200; left--) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    answer = await on(page, "ask()");
  }
  assert.deepEqual([answer.status, answer.codes, answer.said], [401, ["UNAUTHENTICATED"], "log in again"]);
  assert.equal(answer.data, undefined, "nothing at all is answered to whoever fails to be somebody");
  assert.equal(await on(page, `login(${JSON.stringify(token("8", 300))})`), 204);
  assert.equal((await on(page, "ask()")).data.me.id, "8");
});

await test("a session that was withdrawn ends while its page is open", async () => {
  const { page } = await loggedIn(300, { jti: "stolen" });
  assert.equal((await on(page, "ask()")).data.me.id, "7");
  writeFileSync(revoked, '{ "jti": ["stolen"] }');
  let answer = await on(page, "ask()");
  for (let left = 100; left > 0 && answer.status === 200; left--) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    answer = await on(page, "ask()");
  }
  assert.deepEqual([answer.status, answer.said], [401, "log in again"]);
});

await test("no line of the log has a token", async () => {
  const text = server.log.join("\n");
  assert.match(text, /credentials_refused/);
  assert.match(text, /cross_site/);
  assert.doesNotMatch(text, /eyJ/);
});

await browser.close();
finish();

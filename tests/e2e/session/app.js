// What a page does: logs in, asks, logs out. What it has to say is in `#status`, as its visitors would see it.

const api = new URLSearchParams(location.search).get("api") ?? "";
const say = (text) => (document.querySelector("#status").textContent = text);

/** Gives the token to the server once, for the cookie. */
async function login(token) {
  const headers = { authorization: `Bearer ${token}` };
  const answer = await fetch(`${api}/session`, { method: "POST", headers, credentials: "include" });
  say(answer.ok ? "logged in" : "wrong password");
  return answer.status;
}

async function logout() {
  const answer = await fetch(`${api}/session`, { method: "DELETE", credentials: "include" });
  say("logged out");
  return answer.status;
}

/** Asks who has the session. */
async function ask(options = {}) {
  const answer = await fetch(`${api}/web/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/graphql-response+json" },
    body: JSON.stringify({ query: "{ greeting me { id name } }" }),
    credentials: "include",
    ...options,
  });
  const { data, errors } = await answer.json();
  const codes = (errors ?? []).map(({ extensions }) => extensions.code);
  if (answer.status === 401 || codes.includes("UNAUTHORIZED_FIELD_OR_TYPE")) say("log in again");
  else say(`hello ${data.me.name}`);
  return { status: answer.status, data, codes, said: document.querySelector("#status").textContent };
}

/** A promise's value or, as a text, its failure. */
const outcome = (promise) => promise.then((value) => value, (error) => `${error.name}: ${error.message}`);

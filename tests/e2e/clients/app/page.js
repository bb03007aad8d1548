// The page that Chromium loads: Apollo Client against a server of another origin. Leaves what came of it in `window.outcome`.
import { ApolloClient, HttpLink, InMemoryCache } from "@apollo/client/core";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { PRODUCT } from "./operations.js";

async function sha256(text) {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function ask(uri) {
  const requests = [];
  const watched = (url, options) => {
    requests.push(options.method);
    return fetch(url, options);
  };
  const link = new PersistedQueryLink({ sha256, useGETForHashedQueries: true }).concat(
    new HttpLink({ uri, fetch: watched, headers: { authorization: "Bearer token-7" } }),
  );
  const client = new ApolloClient({ link, cache: new InMemoryCache() });
  const { data } = await client.query({ query: PRODUCT, variables: { id: "3" }, fetchPolicy: "no-cache" });
  const again = await client.query({ query: PRODUCT, variables: { id: "4" }, fetchPolicy: "no-cache" });
  return { names: [data.product.name, again.data.product.name], requests };
}

const uri = new URLSearchParams(location.search).get("uri");
ask(uri).then(
  (outcome) => (window.outcome = outcome),
  (error) => (window.outcome = { error: `${error.name}: ${error.message}` }),
);

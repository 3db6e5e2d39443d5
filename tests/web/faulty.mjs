// HTTP server that answers as a script says, and notes what it was asked; fakes of a browser's storage and page.
import { createServer } from "node:http";
import { once } from "node:events";

export const LIST = { recommendation_id: "list", model_version: null, items: [], next_cursor: null, degraded: [] };

export const received = (entries, rejected = []) => ({
  accepted: entries.filter((_, place) => !rejected.some(({ index }) => index === place)).map((_, place) => `id:${place}`),
  rejected, superseded: [], joined: 0, left_out: 0,
});

/** Server whose `answers` are used up one a request; each gets the request and the response. Then all is well. */
export async function serve(...answers) {
  const asked = [];
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const part of request) text += part;
    const body = text ? JSON.parse(text) : null;
    asked.push({ method: request.method, url: request.url, headers: request.headers, body });
    const answer = answers.shift() ?? well;
    answer({ ...request, url: request.url, body }, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const close = () => new Promise((done) => (server.close(done), server.closeAllConnections()));
  return { baseUrl: `http://127.0.0.1:${server.address().port}`, asked, answers, close };
}

export const json = (status, body, headers = {}) => (_, response) =>
  response.writeHead(status, { "Content-Type": "application/json", ...headers }).end(JSON.stringify(body));
export const well = (request, response) =>
  json(200, request.url.startsWith("/interactions") ? received(request.body.interactions) : LIST)(request, response);
export const problem = (status, headers) => json(status, { title: "No", status, detail: `got ${status}`, field: "limit" }, headers);
export const html = (status) => (_, response) => response.writeHead(status, { "Content-Type": "text/html" }).end("<h1>Gateway</h1>");
export const reset = (_, response) => response.socket.destroy();
export const silent = () => {};
/** Stores the request's interactions, but breaks off in the middle of the answer. */
export const half = (_, response) => {
  response.writeHead(200, { "Content-Type": "application/json", "Content-Length": "500" });
  response.write('{"accepted": [');
  setTimeout(() => response.socket.destroy(), 20);
};

export class FakeStorage {
  #held = new Map();
  full = false;
  get length() {
    return this.#held.size;
  }
  key(place) {
    return [...this.#held.keys()][place] ?? null;
  }
  getItem(key) {
    return this.#held.get(key) ?? null;
  }
  setItem(key, text) {
    if (this.full) throw new DOMException("full", "QuotaExceededError");
    this.#held.set(key, String(text));
  }
  removeItem(key) {
    this.#held.delete(key);
  }
}

/** Web Locks of all tabs of an origin. */
export function fakeLocks() {
  let chain = Promise.resolve();
  const state = { held: 0, most: 0 };
  const request = (_name, options, work) => {
    const turn = chain.then(async () => {
      options.signal.throwIfAborted();
      state.most = Math.max(state.most, ++state.held);
      try {
        return await work();
      } finally {
        state.held--;
      }
    });
    chain = turn.catch(() => {});
    return turn;
  };
  return { request, state };
}

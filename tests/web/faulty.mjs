// HTTP server that answers as a script says, and notes what it was asked; fakes of a browser's storage, clock and page.
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
export const html = (status, headers) => (_, response) =>
  response.writeHead(status, { "Content-Type": "text/html", ...headers }).end("<h1>Gateway</h1>");
export const empty = (status) => (_, response) => response.writeHead(status).end();
export const reset = (_, response) => response.socket.destroy();
export const silent = () => {};
/** Begins an answer, and keeps the connection open. */
export const stalled = (_, response) => response.writeHead(200, { "Content-Type": "application/json" }).write('{"items": [');
/** Stores the request's interactions, but breaks off in the middle of the answer. */
export const half = (_, response) => {
  response.writeHead(200, { "Content-Type": "application/json", "Content-Length": "500" });
  response.write('{"accepted": [');
  setTimeout(() => response.socket.destroy(), 20);
};

export class FakeStorage {
  #held = new Map();
  #names = null;
  full = false;
  get length() {
    return this.#held.size;
  }
  key(place) {
    this.#names ??= [...this.#held.keys()];
    return this.#names[place] ?? null;
  }
  getItem(key) {
    return this.#held.get(key) ?? null;
  }
  setItem(key, text) {
    if (this.full) throw new DOMException("full", "QuotaExceededError");
    this.#names = null;
    this.#held.set(key, String(text));
  }
  removeItem(key) {
    this.#names = null;
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

/** Clock that stands still but for `tick`, with the timers of a browser, which takes more than 31 bits for no wait. */
export function fakeClock() {
  let now = Date.UTC(2026, 4, 1);
  let last = 0;
  const timers = new Map();
  const due = (end) => [...timers].filter(([, { at }]) => at <= end).sort(([, one], [, other]) => one.at - other.at)[0];
  return {
    now: () => now,
    setTimeout(act, ms) {
      timers.set(++last, { at: now + (ms > 0 && ms < 2 ** 31 ? ms : 0), act });
      return last;
    },
    clearTimeout: (id) => timers.delete(id),
    /** Milliseconds to the timers that wait, soonest first. */
    waits: () => [...timers.values()].map(({ at }) => at - now).sort((one, other) => one - other),
    async tick(ms) {
      const end = now + ms;
      for (;;) {
        await settled();
        const next = due(end);
        if (!next) break;
        const [id, { at, act }] = next;
        timers.delete(id);
        now = at;
        act();
      }
      now = end;
    },
  };
}

/** Resolves when all promises have run that wait for nothing else. */
export const settled = () => new Promise((done) => setImmediate(done));

// Clients of tests: of a server, or on a clock that stands still; and the page around them.
import assert from "node:assert/strict";
import { afterEach } from "node:test";
import { Marquee } from "../../web/marquee.js";
import { FakeStorage, LIST, fakeClock, received, serve } from "./faulty.mjs";

const ends = [];
afterEach(ended);

/** Does something when the test has ended. */
export const ending = (end) => ends.push(end);

/** Ends what a test, or a part of it, has begun. */
export async function ended() {
  for (const end of ends.splice(0).reverse()) await end();
}

/** Server and its client. */
export async function started(answers = [], options = {}) {
  const server = await serve(...answers);
  ending(() => server.close());
  return { server, ...client(server, options) };
}

/** Client of a server, or of another with its `baseUrl`; what it tells lies in `told`. */
export function client(server, options = {}) {
  const storage = options.storage ?? new FakeStorage();
  const marquee = new Marquee({ baseUrl: server.baseUrl, storage, flushAfterMs: 60_000, retries: 0, ...options });
  const told = [];
  for (const name of ["sent", "rejected", "dropped", "error"]) marquee.on(name, (detail) => told.push([name, detail]));
  ending(() => marquee.close());
  return { marquee, told, storage };
}

/** Replaces a global until the test has ended. */
export function replaced(name, value) {
  const before = Object.getOwnPropertyDescriptor(globalThis, name);
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  ending(() => (before ? Object.defineProperty(globalThis, name, before) : delete globalThis[name]));
}

/** Waits until something holds, however long this machine takes. */
export async function until(holds) {
  while (!holds()) await new Promise((done) => setTimeout(done, 5));
}

/** Client on a clock that a test moves; each of its requests is answered as the next of `answers` says, then well. */
export function clocked(answers = [], options = {}) {
  const clock = fakeClock();
  const asked = [];
  replaced("setTimeout", clock.setTimeout);
  replaced("clearTimeout", clock.clearTimeout);
  const real = Date.now;
  Date.now = clock.now;
  ending(() => (Date.now = real));
  replaced("fetch", async (url, { method, body, keepalive }) => {
    asked.push({ url, method, keepalive, text: body, body: body && JSON.parse(body), at: clock.now() });
    const answer = answers.shift() ?? {};
    if (answer === "reset") throw new TypeError("fetch failed");
    const { status = 200, headers, text = JSON.stringify(body ? received(JSON.parse(body).interactions) : LIST) } = answer;
    return new Response(text, { status, headers });
  });
  return { clock, asked, answers, ...client({ baseUrl: "https://api.test" }, options) };
}

/** Times between the requests of a client, in milliseconds. */
export const gaps = (asked) => asked.slice(1).map(({ at }, place) => at - asked[place].at);

export const failure = (promise) => promise.then(() => assert.fail("expected an error"), (error) => error);
export const bytes = (text) => Buffer.byteLength(text, "utf8");
export const posts = (server) => server.asked.filter(({ url }) => url === "/interactions").map(({ body }) => body);
export const entries = (server) => posts(server).flatMap((body) => body.interactions);

/** Element of a page. */
export class Element {}

/** Page with its events, beacons, and observers of visibility, which a test moves. */
export function page({ sendBeacon = () => true } = {}) {
  const window_ = new EventTarget();
  const beacons = [];
  const watchers = [];
  const document_ = Object.assign(new EventTarget(), { hidden: false });
  replaced("addEventListener", window_.addEventListener.bind(window_));
  replaced("document", document_);
  replaced("navigator", {
    sendBeacon: sendBeacon && ((url, body) => {
      const isTaken = sendBeacon(url, body);
      if (isTaken) beacons.push({ url, body: JSON.parse(body), size: bytes(body) });
      return isTaken;
    }),
  });
  replaced("IntersectionObserver", class {
    targets = new Set();
    constructor(tell, options) {
      Object.assign(this, { tell, options });
      watchers.push(this);
    }
    observe(target) {
      if (!(target instanceof Element)) throw new TypeError("parameter 1 is not of type 'Element'");
      this.targets.add(target);
    }
    disconnect() {
      this.targets.clear();
    }
  });
  const show = (isShown) => {
    document_.hidden = !isShown;
    document_.dispatchEvent(new Event("visibilitychange"));
  };
  const hide = () => {
    show(false);
    window_.dispatchEvent(new Event("pagehide"));
  };
  const watching = (target) => watchers.filter(({ targets }) => targets.has(target));
  const look = (target, ratio) => {
    for (const { tell } of watching(target)) tell([{ target, isIntersecting: ratio > 0, intersectionRatio: ratio }]);
  };
  return { window: window_, document: document_, beacons, watchers, watching, show, hide, look };
}

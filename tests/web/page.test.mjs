// Client in a page, on a clock that stands still: waits, beacons, impressions, and what a page does wrong.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { Marquee } from "../../web/marquee.js";
import { Element, bytes, client, clocked, ended, ending, failure, gaps, page, replaced } from "./clients.mjs";
import { LIST, settled } from "./faulty.mjs";

const document_ = JSON.parse(readFileSync(new URL("../../functions/openapi.json", import.meta.url)));

describe("waits", () => {
  for (const [random, waits] of [[0, [150, 300, 600, 1_200]], [0.5, [300, 600, 1_200, 2_400]], [0.999999, [450, 900, 1_800, 3_600]]]) {
    test(`waits double, with a jitter of ${random}`, async () => {
      replaced("Math", Object.assign(Object.create(Math), { random: () => random }));
      const { clock, asked, marquee } = clocked(Array(4).fill({ status: 503 }), { retries: 4, timeoutMs: 60_000 });
      const list = marquee.popular();
      await clock.tick(59_000);
      assert.deepEqual((await list).items, []);
      assert.deepEqual(gaps(asked).map(Math.round), waits);
    });
  }

  test("no wait ends after the call", async () => {
    const { clock, asked, marquee } = clocked(Array(99).fill({ status: 503 }), { retries: 99, timeoutMs: 5_000 });
    const failed = failure(marquee.popular());
    await clock.tick(100_000);
    assert.equal((await failed).status, 503);
    assert.ok(asked.length > 2 && asked.at(-1).at - asked[0].at < 5_000, `${gaps(asked)}`);
  });

  test("a wait that Retry-After asks for is kept, unless it is longer than the call may last", async () => {
    const { clock, asked, answers, marquee } = clocked([{ status: 503, headers: { "Retry-After": "7" } }], { retries: 1 });
    const list = marquee.popular();
    await clock.tick(6_999);
    assert.equal(asked.length, 1);
    await clock.tick(1);
    assert.deepEqual((await list).items, []);
    assert.deepEqual(gaps(asked), [7_000]);
    answers.push({ status: 503, headers: { "Retry-After": "60" } });
    assert.equal((await failure(marquee.popular())).retryAfterMs, 60_000);
    assert.equal(asked.length, 3);
  });

  test("batches that fail wait ever longer, up to five minutes, with a jitter of a half, until one is sent", async () => {
    const { clock, asked, marquee } = clocked(Array(12).fill("reset"));
    marquee.track("view", "e");
    marquee.flush();
    await clock.tick(3_600_000);
    const waits = gaps(asked);
    assert.equal(waits.length, 12);
    for (const [tries, wait] of waits.entries()) {
      const longest = Math.min(300_000, 5_000 * 2 ** tries);
      assert.ok(wait >= longest / 2 && wait <= longest, `${tries}: ${wait}`);
    }
    assert.ok(new Set(waits.slice(6)).size > 1, `${waits}`);
    assert.deepEqual(await marquee.flush(), { sent: 0, waiting: 0 });
    marquee.track("view", "f");
    asked.length = 0;
    await clock.tick(60_000);
    assert.equal(asked.length, 1);
  });

  test("the first failure after a success waits shortly again", async () => {
    const { clock, asked, marquee } = clocked([...Array(6).fill("reset"), {}, "reset"]);
    marquee.track("view", "e");
    marquee.flush();
    await clock.tick(3_600_000);
    asked.length = 0;
    marquee.track("view", "f");
    await clock.tick(3_600_000);
    assert.equal(asked.length, 2);
    assert.ok(gaps(asked)[0] <= 5_000, `${gaps(asked)}`);
  });

  for (const [name, header, least] of [
    ["of seconds", "600", 600_000], ["that is a date", new Date(Date.UTC(2026, 4, 1, 1)).toUTCString(), 3_500_000],
    ["of years", "99999999", 86_400_000], ["without an end", "Infinity", 86_400_000],
  ]) {
    test(`a Retry-After ${name} holds batches back, not for more than a day`, async () => {
      const { clock, asked, marquee } = clocked([{ status: 429, headers: { "Retry-After": header } }]);
      marquee.track("view", "e");
      await marquee.flush();
      marquee.track("view", "f");
      assert.ok(clock.waits()[0] >= least && clock.waits()[0] <= 86_400_000, `${clock.waits()}`);
      await clock.tick(least - 1_000);
      assert.equal(asked.length, 1);
      await clock.tick(86_400_000);
      assert.equal(asked.length, 2);
    });
  }

  test("a pause between batches without an end sends none by itself", async () => {
    const { clock, asked, marquee } = clocked([], { flushAfterMs: Infinity });
    await clock.tick(0);
    marquee.track("view", "e");
    await clock.tick(3_600_000);
    assert.equal(asked.length, 0);
    assert.deepEqual(await marquee.flush(), { sent: 1, waiting: 0 });
  });
});

describe("page", () => {
  test("a page that hides sends a beacon once, and the next load the same again", async () => {
    const shown = page();
    const { asked, marquee, storage } = clocked();
    marquee.track("booking", "e");
    shown.hide();
    assert.equal(shown.beacons.length, 1);
    const [{ url, body }] = shown.beacons;
    assert.equal(url, "https://api.test/interactions");
    marquee.close();
    const next = client({ baseUrl: "https://api.test" }, { storage }).marquee;
    assert.deepEqual(await next.flush(), { sent: 1, waiting: 0 });
    assert.deepEqual(asked[0].body.interactions, body.interactions);
  });

  test("a beacon has the user's token, and waits where none is known", async () => {
    const shown = page();
    const { marquee } = clocked([], { userId: () => "alice", idToken: async () => "t", appCheck: async () => "a" });
    marquee.track("view", "e");
    shown.window.dispatchEvent(new Event("pagehide"));
    assert.equal(shown.beacons.length, 0);
    await marquee.popular();
    shown.window.dispatchEvent(new Event("pagehide"));
    const [{ body }] = shown.beacons;
    assert.deepEqual([body.user_id, body.id_token, body.app_check_token], ["alice", "t", "a"]);
  });

  test("beacons stay below what a browser lets a page send", async () => {
    const shown = page();
    const { marquee } = clocked();
    for (let n = 0; n < 450; n++) marquee.track("view", `event_${n}`);
    for (let n = 0; n < 450; n++) marquee.track("view", `${"漢".repeat(100)}${n}`);
    shown.hide();
    const sizes = shown.beacons.map(({ size }) => size);
    const sum = sizes.reduce((one, other) => one + other);
    assert.ok(sum > 30_000 && sum <= 60_000, `${sizes}`);
  });

  for (const [name, sendBeacon] of Object.entries({
    refuses: () => false, throws: () => { throw new TypeError("no"); }, "is missing": null,
  })) {
    test(`where sendBeacon ${name}, a request outlives the page, within the same limit, and nothing leaves the queue`, async () => {
      const shown = page({ sendBeacon });
      const { clock, asked, marquee } = clocked(["reset"]);
      for (let n = 0; n < 900; n++) marquee.track("view", `${"漢".repeat(100)}${n}`);
      shown.hide();
      await settled();
      assert.deepEqual([...new Set(asked.map(({ url, method, keepalive }) => `${method} ${url} ${keepalive}`))], ["POST https://api.test/interactions true"]);
      assert.ok(asked.reduce((sum, { text }) => sum + bytes(text), 0) <= 60_000);
      const [{ body }] = asked.splice(0);
      shown.show(true);
      await clock.tick(0);
      assert.deepEqual(asked[0].body.interactions, body.interactions);
      assert.deepEqual(await marquee.flush(), { sent: 0, waiting: 0 });
    });
  }

  test("it sends what waits when the device is online again", async () => {
    const shown = page();
    const { clock, asked, marquee } = clocked(["reset"]);
    marquee.track("view", "e");
    assert.equal((await marquee.flush()).waiting, 1);
    shown.window.dispatchEvent(new Event("online"));
    await clock.tick(0);
    assert.equal(asked.length, 2);
    assert.equal((await marquee.flush()).waiting, 0);
  });

  test("impressions are runs of a list, of events half visible for a second, once", async () => {
    const shown = page();
    const items = ["a", "b", "c", "d", "e"].map((event_id) => ({ event_id }));
    const { clock, asked, marquee } = clocked([{}, { text: JSON.stringify({ ...LIST, items }) }]);
    await clock.tick(0);
    marquee.track("view", "first");
    await marquee.flush();
    await marquee.popular();
    asked.length = 0;
    const cards = Object.fromEntries([..."abcdef"].map((id) => [id, new Element()]));
    for (const id of "abcdef") marquee.observe(cards[id], id);
    for (const id of ["b", "a", "d", "f"]) shown.look(cards[id], 0.6);
    shown.look(cards.c, 0.4);
    shown.look(cards.e, 0.9);
    await clock.tick(300);
    shown.look(cards.e, 0);
    await clock.tick(700);
    await marquee.flush();
    const said = asked.flatMap(({ body }) => body.interactions).map(({ event_ids, event_id, position }) => [event_ids ?? event_id, position]);
    assert.deepEqual(said, [["f", undefined], [["a", "b"], 0], [["d"], 3]]);
    marquee.observe(cards.a, "a");
    shown.look(cards.a, 1);
    await clock.tick(1_000);
    assert.deepEqual(await marquee.flush(), { sent: 0, waiting: 0 });
  });

  test("an erasure forgets what was seen a moment ago", async () => {
    const shown = page();
    const { clock, asked, marquee } = clocked([], { userId: () => "alice", flushAfterMs: 2_000 });
    const card = new Element();
    marquee.observe(card, "e", { recommendation_id: "list", position: 0 });
    shown.look(card, 1);
    await clock.tick(1_500);
    await marquee.forget("alice");
    await clock.tick(60_000);
    assert.deepEqual(asked.map(({ method }) => method), ["DELETE"]);
    assert.deepEqual(await marquee.flush(), { sent: 0, waiting: 0 });
  });

  /** Client that watches a card, and `seen`, the ids of the impressions that it sent. */
  function watched() {
    const shown = page();
    const { clock, asked, marquee } = clocked([], { flushAfterMs: 0 });
    const card = new Element();
    const seen = () => asked.flatMap(({ body }) => body.interactions.map(({ event_id }) => event_id));
    return { shown, clock, marquee, card, seen, end: marquee.observe(card, "e") };
  }

  test("an impression takes half of the element, and a second", async () => {
    const { shown, clock, card, seen } = watched();
    assert.deepEqual(shown.watchers.map(({ options }) => options), [{ threshold: 0.5 }]);
    shown.look(card, 0.499);
    await clock.tick(5_000);
    shown.look(card, 0.5);
    await clock.tick(999);
    assert.deepEqual(seen(), []);
    await clock.tick(1);
    assert.deepEqual(seen(), ["e"]);
    assert.deepEqual(shown.watching(card), []);
    await clock.tick(60_000);
    assert.deepEqual(seen(), ["e"]);
  });

  test("an element that leaves in between begins anew", async () => {
    const { shown, clock, card, seen } = watched();
    shown.look(card, 1);
    await clock.tick(900);
    shown.look(card, 0.2);
    await clock.tick(10_000);
    shown.look(card, 1);
    await clock.tick(999);
    assert.deepEqual(seen(), []);
    await clock.tick(1);
    assert.deepEqual(seen(), ["e"]);
  });

  test("a page that is hidden shows nothing, and asks again when it is drawn", async () => {
    const { shown, clock, card, seen } = watched();
    shown.look(card, 1);
    shown.show(false);
    await clock.tick(60_000);
    assert.deepEqual(seen(), []);
    assert.equal(shown.watching(card).length, 1);
    shown.show(true);
    shown.look(card, 1);
    await clock.tick(1_000);
    assert.deepEqual(seen(), ["e"]);
  });

  test("an element that shows another event is no longer watched for the first one", async () => {
    const { shown, clock, marquee, card, seen, end } = watched();
    shown.look(card, 1);
    await clock.tick(500);
    marquee.observe(card, "other");
    assert.equal(shown.watching(card).length, 1);
    end();
    shown.look(card, 1);
    await clock.tick(1_000);
    assert.deepEqual(seen(), ["other"]);
  });

  for (const [name, stop] of [["its function", ({ end }) => end()], ["the client's end", ({ marquee }) => marquee.close()]]) {
    test(`nothing is seen after ${name}`, async () => {
      const watch = watched();
      watch.shown.look(watch.card, 1);
      await watch.clock.tick(500);
      stop(watch);
      watch.shown.look(watch.card, 1);
      await watch.clock.tick(60_000);
      assert.deepEqual(watch.seen(), []);
      const after = client({ baseUrl: "https://api.test" }, { storage: watch.storage }).marquee;
      assert.deepEqual(await after.flush(), { sent: 0, waiting: 0 });
    });
  }
});

describe("odd arguments", () => {
  const cyclic = {};
  cyclic.self = cyclic;
  const throwing = () => { throw new Error("odd"); };
  const ODD = {
    null: null, undefined, true: true, zero: 0, number: 5, NaN: NaN, Infinity: -Infinity, bigint: 1n, symbol: Symbol("x"),
    "no text": "", "a lone surrogate": "\ud800", "long text": "x".repeat(1_000_000), "long pairs": "🎷".repeat(500_000),
    "control characters": "a\u0000b", "a path": "../../users", "__proto__": "__proto__", constructor: "constructor",
    list: [], "list of oddities": [null, 1n, undefined, {}], object: {}, "a cycle": cyclic, "no prototype": Object.create(null),
    function: () => {}, "an invalid date": new Date(NaN), map: new Map(), regexp: /x/, element: new Element(),
    "a promise": Promise.resolve("e"), "a toJSON of nothing": { toJSON: () => null }, "a toJSON that throws": { toJSON: throwing },
    "details of a long text": { session_id: "x".repeat(1_000_000) },
    "details of no text": { recommendation_id: {}, position: {}, type: 5, event_ids: "e", occurred_at: "soon" },
    "details with a bigint": { recommendation_id: "list", position: 1n },
    "a getter that throws": { get value() { return throwing(); } }, "keys that throw": new Proxy({}, { ownKeys: throwing, get: throwing }),
    "text that throws": { toString: throwing, valueOf: throwing, [Symbol.toPrimitive]: throwing },
  };
  const card = new Element();
  const TRACKING = {
    track: ["view", "e", {}], observe: [card, "e", {}], on: ["sent", () => {}], flush: [undefined], reset: [undefined], close: [undefined],
  };
  const ASKING = {
    recommendations: [{}], similar: ["e", {}], popular: [{}], trending: [{}], rank: [["e"], {}], audience: ["e", {}], record: [[], {}],
    data: ["u", {}], allowProfiling: ["u", true, {}], forget: ["u", {}], rules: [{}], setRules: [{}, {}], report: [{}], models: [{}],
    activate: ["v", {}], health: [{}], call: ["/health", {}],
  };

  test("every public method is tried", () => {
    const { constructor, recent, ...methods } = Object.getOwnPropertyDescriptors(Marquee.prototype);
    assert.deepEqual(Object.keys({ ...TRACKING, ...ASKING }).sort(), Object.keys(methods).sort());
    assert.ok(constructor && recent.get);
  });

  for (const [name, usual] of Object.entries(TRACKING)) {
    for (const [position] of usual.entries()) {
      test(`${name} never throws, now or later, whatever its argument ${position} is`, async () => {
        // A text as details is spread to its characters, which takes a second.
        for (const [kind, odd] of Object.entries(ODD).filter(([kind]) => position < 2 || !/^long/.test(kind))) {
          const shown = page();
          const { clock, asked, marquee, told } = clocked();
          let given;
          assert.doesNotThrow(() => (given = marquee[name](...usual.with(position, odd))), kind);
          shown.look(card, 1);
          await clock.tick(5_000);
          shown.look(card, 1);
          marquee.track("save", "sound");
          marquee.track("search", { a: 1n });
          assert.doesNotThrow(() => shown.hide(), kind);
          assert.ok(Array.isArray(marquee.recent) && marquee.recent.every((id) => typeof id === "string"), kind);
          assert.deepEqual(Object.keys(await marquee.flush()), ["sent", "waiting"], kind);
          if (name !== "close") assert.ok(asked.some(({ body }) => body.interactions.some(({ event_id }) => event_id === "sound")), kind);
          if (typeof given === "function") assert.doesNotThrow(given, kind);
          assert.ok(told.every(([event]) => event !== "error"), kind);
          await ended();
        }
      });
    }
  }

  for (const [name, usual] of Object.entries(ASKING)) {
    test(`${name} never throws, but rejects, whatever its arguments are`, async () => {
      const { marquee } = clocked();
      const [limits] = usual.slice(-1);
      const kinds = Object.entries(ODD).filter(([kind]) => !/^long/.test(kind));
      const cases = usual.flatMap((_, position) => kinds.map(([kind, odd]) => [`${position}: ${kind}`, usual.with(position, odd)]));
      for (const timeoutMs of [-1, NaN, Infinity, "soon"]) cases.push([`${timeoutMs} ms`, [...usual.slice(0, -1), { ...limits, timeoutMs }]]);
      cases.push(["a signal that is none", [...usual.slice(0, -1), { ...limits, signal: new AbortController() }]]);
      for (const [kind, given] of cases) {
        let promise;
        assert.doesNotThrow(() => (promise = marquee[name](...given)), kind);
        assert.ok(promise instanceof Promise, kind);
        const [{ status, reason }] = await Promise.allSettled([promise]);
        assert.ok(status === "fulfilled" || reason instanceof Error, kind);
      }
    });
  }

  test("what cannot be sent is told, once, and waits nowhere", async () => {
    page();
    const { marquee, told } = clocked();
    for (const odd of [null, undefined, 5, 1n, {}, "", "a/b", "\ud800", "x".repeat(129)]) {
      marquee.track("view", odd);
      marquee.observe(card, odd);
      marquee.observe(odd, "e");
    }
    assert.deepEqual(await marquee.flush(), { sent: 0, waiting: 0 });
    assert.deepEqual(told.map(([kind, { reason }]) => `${kind} ${reason}`), Array(27).fill("dropped unusable"));
  });

  test("ids are those of the document", async () => {
    const { pattern, maxLength } = document_.components.schemas.Id;
    const { marquee } = clocked();
    const ids = [
      "e", ".", "..", "...", ".e", "__e__", "__", "____", "e__", "a/b", "a b", "a\tb", "\u0000", "\u007f", "\u0080", "é", "🎷", "", "\n", "a\n",
      "x".repeat(maxLength), "x".repeat(maxLength + 1), "🎷".repeat(maxLength), "🎷".repeat(maxLength + 1),
    ];
    for (const id of ids) {
      marquee.reset();
      marquee.track("view", id);
      const isId = new RegExp(pattern, "u").test(id) && [...id].length <= maxLength && id !== "";
      assert.deepEqual(marquee.recent, isId ? [id] : [], JSON.stringify(id));
    }
  });

  for (const [name, userId] of Object.entries({ promise: async () => "alice", number: () => 7, object: () => ({ uid: "alice" }) })) {
    test(`a userId that gives a ${name} is told as an error, and nobody is signed in`, async () => {
      const { asked, marquee, told } = clocked([], { userId });
      await marquee.popular();
      marquee.track("view", "e");
      await marquee.flush();
      assert.deepEqual(asked.map(({ url }) => url), ["https://api.test/events/popular", "https://api.test/interactions"]);
      assert.deepEqual(Object.keys(asked[1].body), ["anonymous_id", "interactions"]);
      assert.deepEqual([told[0][0], told[0][1].code], ["error", "token"]);
    });
  }

  for (const baseUrl of ["https://api.test/api/v1", "https://api.test/api/v1/", "https://api.test/api/v1//", new URL("https://api.test/api/v1/")]) {
    test(`the base URL may be ${typeof baseUrl} ${baseUrl}`, async () => {
      const { asked, marquee } = clocked([], { baseUrl });
      await marquee.popular();
      marquee.track("view", "e");
      await marquee.flush();
      assert.deepEqual(asked.map(({ url }) => url), ["https://api.test/api/v1/events/popular", "https://api.test/api/v1/interactions"]);
    });
  }

  test("a listener that throws stops neither the client nor other listeners", async () => {
    const { marquee } = clocked();
    const heard = [];
    const thrown = [];
    const listener = (error) => thrown.push(error.message);
    const others = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    process.on("uncaughtException", listener);
    ending(() => {
      process.off("uncaughtException", listener);
      for (const other of others) process.on("uncaughtException", other);
    });
    marquee.on("sent", () => throwing());
    marquee.on("sent", () => heard.push("sent"));
    marquee.track("view", "e");
    assert.deepEqual(await marquee.flush(), { sent: 1, waiting: 0 });
    await settled();
    assert.deepEqual([heard, thrown], [["sent"], ["odd"]]);
  });
});

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { LIMITS, Marquee, MarqueeError } from "../../web/marquee.js";
import { bytes, client, ending, entries, failure, posts, replaced, started, until } from "./clients.mjs";
import { FakeStorage, LIST, empty, fakeLocks, half, html, json, problem, received, reset, serve, silent, stalled, well } from "./faulty.mjs";

const document_ = JSON.parse(readFileSync(new URL("../../functions/openapi.json", import.meta.url)));
describe("routes", () => {
  const calls = {
    getRecommendations: (m) => m.recommendations(), getSimilarEvents: (m) => m.similar("a b"),
    getPopularEvents: (m) => m.popular(), getTrendingEvents: (m) => m.trending(), getEventAudience: (m) => m.audience("a b"),
    postRank: (m) => m.rank(["e"]), postInteractions: (m) => m.record([{ type: "click", event_id: "e" }]),
    getRules: (m) => m.rules(), putRules: (m) => m.setRules({}), deleteUser: (m) => m.forget("a b"),
    getUserData: (m) => m.data("a b"), putUserProfiling: (m) => m.allowProfiling("a b", true), getReport: (m) => m.report(),
    previewRules: (m) => m.call("/rules:preview", { method: "POST", body: { rules: {} } }), getRuns: (m) => m.call("/runs"),
    getDeadLetters: (m) => m.call("/dead-letters"), getExperiments: (m) => m.call("/experiments"),
    getExperiment: (m) => m.call("/experiments/a%20b"), putExperiment: (m) => m.call("/experiments/a%20b", { method: "PUT", body: {} }),
    getModels: (m) => m.models(),
    activateModel: (m) => m.activate("a b"), getHealth: (m) => m.health(),
  };
  const pages = ["getDocument", "getDocs", "getDocsScript"];
  for (const [path, methods] of Object.entries(document_.paths)) {
    for (const [method, { operationId }] of Object.entries(methods)) {
      if (pages.includes(operationId)) continue;
      test(`${operationId} has a method`, async () => {
        const { server, marquee } = await started();
        assert.ok(calls[operationId], `expected a method for ${operationId}`);
        await calls[operationId](marquee);
        const [{ method: used, url }] = server.asked;
        assert.deepEqual([used, url], [method.toUpperCase(), path.replace(/\{\w+\}/, "a%20b")]);
      });
    }
  }

  test("limits are those of the document", () => {
    const body = document_.paths["/interactions"].post.requestBody;
    const { schemas, parameters } = document_.components;
    assert.equal(LIMITS.interactions, body.content["application/json"].schema.properties.interactions.maxItems);
    assert.equal(LIMITS.page, schemas.PageImpression.properties.event_ids.maxItems);
    assert.equal(LIMITS.recent, parameters.Recent.schema.maxItems);
    assert.match(schemas.OccurredAt.description, /at most seven days ago and two minutes ahead/);
    assert.equal(LIMITS.days, 7);
  });

  for (const [given, query] of [
    [["a,b"], "tags=a%5C%2Cb"], [["a,b", "c"], "tags=a%2Cb&tags=c"], [[], ""], ["a,b", "tags=a%2Cb"],
  ]) {
    test(`tags ${JSON.stringify(given)} are asked for as ${query}`, async () => {
      const { server, marquee } = await started();
      await marquee.popular({ limit: "", tags: given });
      assert.equal(server.asked[0].url, `/events/popular${query && `?${query}`}`);
    });
  }

  test("tokens are asked once a request, and sent", async () => {
    const asked = [];
    const tokens = { idToken: async () => (asked.push("id"), "t"), appCheck: async () => (asked.push("app"), "a") };
    const { server, marquee } = await started([], { userId: () => "alice", ...tokens });
    await marquee.recommendations();
    assert.deepEqual(asked, ["id", "app"]);
    assert.equal(server.asked[0].headers.authorization, "Bearer t");
    assert.equal(server.asked[0].headers["x-firebase-appcheck"], "a");
  });
});

describe("options", () => {
  const wrong = {
    null: [null, /expected options/], "a text": ["https://api.test", /expected options/], "a function": [() => "alice", /expected options/],
    "an idToken alone": [{ idToken: async () => "t" }, /expected userId beside idToken/],
    "a user's id": [{ userId: "alice" }, /expected a function, got alice/],
    "a token": [{ userId: () => "alice", idToken: "t" }, /expected a function, got t/],
    "an App Check token": [{ appCheck: "t" }, /expected a function, got t/],
    "a fallback list": [{ fallback: [] }, /expected a function/],
    "words for a time": [{ timeoutMs: "soon" }, /expected a number, got soon/],
    "no number": [{ maxQueue: NaN }, /expected a number, got NaN/],
    "fewer retries than none": [{ retries: -1 }, /expected a number, got -1/],
    "a time before now": [{ flushAfterMs: -1 }, /expected a number, got -1/],
  };
  for (const [name, [given, expected]] of Object.entries(wrong)) {
    test(`${name} is refused in words`, () => {
      assert.throws(() => new Marquee(given), (error) => error instanceof TypeError && expected.test(error.message));
    });
  }

  test("calls without an end last as long as a timer can", async () => {
    const { marquee } = await started([], { timeoutMs: Infinity });
    assert.deepEqual((await marquee.popular()).items, []);
    assert.deepEqual((await marquee.popular({ timeoutMs: 2 ** 40 })).items, []);
  });

  test("what is not given is as usual, and null is no function", async () => {
    const nothing = { timeoutMs: undefined, retries: undefined, flushAfterMs: undefined, maxQueue: undefined, baseUrl: undefined };
    const none = { userId: null, idToken: null, appCheck: null, fallback: null };
    for (const given of [undefined, {}, nothing, none]) assert.doesNotThrow(() => new Marquee(given).close());
  });
});

describe("errors", () => {
  const cases = {
    "a problem": [problem(400), { code: "bad_request", status: 400, field: "limit", message: "got 400" }],
    "HTML with a status": [html(502), { code: "unavailable", status: 502, field: null }],
    "HTML in place of an answer": [html(200), { code: "unreadable", status: 200 }],
    "JSON of something else": [json(200, { hello: 1 }), { code: "unreadable", status: 200 }],
    "null": [json(200, null), { code: "unreadable", status: 200 }],
    "no body": [empty(204), { code: "unreadable", status: 204 }],
    "text": [json(200, "text"), { code: "unreadable", status: 200 }],
    "HTML with a wait": [html(503, { "Retry-After": "7" }), { code: "unavailable", status: 503, field: null, retryAfterMs: 7_000 }],
    "items that are null": [json(200, { ...LIST, items: [{ event_id: "e" }, null] }), { code: "unreadable", status: 200 }],
    "items that are no objects": [json(200, { ...LIST, items: ["e"] }), { code: "unreadable", status: 200 }],
    "items that are no list": [json(200, { ...LIST, items: { length: 1 } }), { code: "unreadable", status: 200 }],
    "a reason without words": [json(400, { detail: { toString: 1 }, field: {} }), { code: "bad_request", status: 400, message: "/events/popular: got status 400" }],
    "a problem that is null": [json(400, null), { code: "bad_request", status: 400, field: null }],
    "half a body": [half, { code: "unreadable", status: 200 }],
    "a reset": [reset, { code: "network", status: 0 }],
    "a body that stops": [stalled, { code: "timeout", status: 0 }],
    "silence": [silent, { code: "timeout", status: 0 }],
    "too many": [problem(429, { "Retry-After": "7" }), { code: "too_many", status: 429, retryAfterMs: 7_000 }],
    "a Retry-After that is none": [problem(503, { "Retry-After": "soon" }), { code: "unavailable", retryAfterMs: null }],
    "a problem without words": [json(404, { detail: "" }), { code: "not_found", status: 404, message: "/events/popular: got status 404" }],
    "a status without a name": [problem(418), { code: "failed", status: 418 }],
  };
  for (const [name, [answer, expected]] of Object.entries(cases)) {
    test(`${name} is a typed error`, async () => {
      const { marquee } = await started([answer]);
      const error = await failure(marquee.popular({ timeoutMs: expected.code === "timeout" ? 300 : 10_000 }));
      assert.ok(error instanceof MarqueeError);
      assert.notEqual(error.message, "");
      for (const [field, value] of Object.entries(expected)) assert.equal(error[field], value, field);
    });
  }

  test("a ranking with null is a typed error, too", async () => {
    const { marquee } = await started([json(200, { ...LIST, items: [null] })]);
    assert.equal((await failure(marquee.rank(["e"]))).code, "unreadable");
  });

  test("a Retry-After may be a date", async () => {
    const at = new Date(Date.now() + 60_000).toUTCString();
    const { marquee } = await started([problem(503, { "Retry-After": at })]);
    const { retryAfterMs } = await failure(marquee.popular());
    assert.ok(retryAfterMs > 50_000 && retryAfterMs <= 60_000, `${retryAfterMs}`);
  });

  test("tokens that fail or hang are errors, too", async () => {
    const userId = () => "alice";
    const { server, marquee } = await started([], { userId, idToken: () => { throw new Error("offline"); } });
    const error = await failure(marquee.popular());
    assert.deepEqual([error.code, error.cause.message], ["token", "offline"]);
    const hanging = client(server, { userId, idToken: () => new Promise(() => {}) }).marquee;
    assert.equal((await failure(hanging.popular({ timeoutMs: 100 }))).code, "timeout");
    assert.equal(server.asked.length, 0);
  });

  test("an abort rejects with the signal's reason, before, during and between tries", async () => {
    const reason = new Error("left the page");
    const stop = new AbortController();
    const during = () => stop.abort(reason);
    const { server, marquee } = await started([during], { retries: 5 });
    assert.equal(await failure(marquee.popular({ signal: AbortSignal.abort(reason) })), reason);
    assert.equal(server.asked.length, 0);
    assert.equal(await failure(marquee.popular({ signal: stop.signal })), reason);
    server.answers.push(problem(503, { "Retry-After": "1" }));
    const between = new AbortController();
    marquee.on("request", () => between.abort(reason));
    assert.equal(await failure(marquee.popular({ signal: between.signal })), reason);
    await new Promise((done) => setTimeout(done, 1_200));
    assert.equal(server.asked.length, 2);
  });

  const lone = "\ud800";
  for (const [name, call] of Object.entries({
    similar: (m) => m.similar(lone), audience: (m) => m.audience(lone), data: (m) => m.data(lone), forget: (m) => m.forget(lone),
    allowProfiling: (m) => m.allowProfiling(lone, true), activate: (m) => m.activate(lone),
    "recommendations of a user": (m) => m.recommendations({ userId: lone }), "a list with a tag": (m) => m.popular({ tags: ["a", lone] }),
    "a cursor": (m) => m.data("alice", { cursor: lone }), "a number too large for JSON": (m) => m.rank([1n]),
    "a symbol": (m) => m.similar(Symbol("x")),
  })) {
    test(`what cannot be sent, ${name}, rejects with a typed error, and is not asked`, async () => {
      const { server, marquee } = await started([], { retries: 2, fallback: () => [] });
      let promise;
      assert.doesNotThrow(() => (promise = call(marquee)));
      const error = await failure(promise);
      assert.ok(error instanceof MarqueeError, `${error}`);
      assert.deepEqual([error.code, error.status, error.cause instanceof Error], ["bad_request", 400, true]);
      assert.equal(server.asked.length, 0);
    });
  }
});

describe("retries", () => {
  for (const [name, answer] of Object.entries({ reset, half, html: html(200), 503: problem(503), 429: problem(429) })) {
    test(`${name} is tried again`, async () => {
      const { server, marquee } = await started([answer], { retries: 1 });
      assert.deepEqual((await marquee.popular()).items, []);
      assert.equal(server.asked.length, 2);
    });
  }

  for (const status of [400, 401, 403, 404, 409, 413, 500]) {
    test(`${status} is not`, async () => {
      const { server, marquee } = await started([problem(status)], { retries: 2 });
      await failure(marquee.popular());
      assert.equal(server.asked.length, 1);
    });
  }

  test("an activation is tried once", async () => {
    const { server, marquee } = await started([problem(503)], { retries: 2 });
    await failure(marquee.activate("v"));
    assert.equal(server.asked.length, 1);
  });
});

describe("fallback lists", () => {
  const ago = new Date(Date.now() - 60_000).toISOString();
  const ahead = new Date(Date.now() + 3_600_000).toISOString();
  const items = [
    { event_id: "over", starts_at: ago }, { event_id: "on", starts_at: ago, ends_at: ahead },
    { event_id: "ahead", starts_at: ahead }, { event_id: "ended", starts_at: ago, ends_at: ago },
  ];
  for (const [name, answer] of Object.entries({ reset, half, 503: problem(503), 500: problem(500), html: html(502) })) {
    test(`stand in for ${name}, without what is over`, async () => {
      const { marquee } = await started([answer], { fallback: async () => items });
      const list = await marquee.popular();
      assert.deepEqual(list.items.map(({ event_id }) => event_id), ["on", "ahead"]);
      assert.deepEqual([list.fallback, list.recommendation_id, list.items[0].reasons], [true, "", []]);
    });
  }

  for (const [name, fallback] of Object.entries({
    undefined: () => undefined, null: () => null, text: () => "events", object: async () => ({ items: [] }), number: () => 7,
    "an error": () => { throw new TypeError("no cache"); }, "a rejection": () => Promise.reject(new Error("no cache")),
  })) {
    test(`that are none, ${name}, leave the call's own error`, async () => {
      const { marquee } = await started([problem(503)], { fallback });
      const error = await failure(marquee.popular());
      assert.deepEqual([error instanceof MarqueeError, error.code, error.status], [true, "unavailable", 503]);
    });
  }

  test("leave out what is no event", async () => {
    const { marquee } = await started([problem(503)], { fallback: () => [null, undefined, 5, "e", { event_id: "e" }] });
    assert.deepEqual((await marquee.popular()).items.map(({ event_id }) => event_id), ["e"]);
  });

  test("do not hide a mistake", async () => {
    const { marquee } = await started([problem(400)], { fallback: async () => items });
    assert.equal((await failure(marquee.popular())).status, 400);
  });
});

describe("queue", () => {
  const faults = { reset, silent, half, 429: problem(429, { "Retry-After": "1" }), 503: problem(503), 400: problem(400),
    401: problem(401), html: html(200), 204: empty(204), text: json(200, "text"), null: json(200, null), other: json(200, { accepted: [], rejected: [] }),
    short: json(200, { accepted: ["a", "b", "c"], rejected: [] }), "a refusal of null": json(200, { accepted: ["a"], rejected: [null] }),
    "an accepted null": json(200, { accepted: ["a", null], rejected: [] }), "texts in place of lists": json(200, { accepted: "a", rejected: "b" }),
    "no refusals": json(200, { accepted: ["a", "b"] }) };
  for (const [name, answer] of Object.entries(faults)) {
    test(`${name} loses nothing and doubles nothing, across a reload`, async () => {
      const { server, marquee, storage, told } = await started([answer], { timeoutMs: 300 });
      marquee.track("booking", "e1", { value: 5 });
      marquee.track("view", "e2");
      assert.deepEqual(await marquee.flush(), { sent: 0, waiting: 2 });
      assert.deepEqual(told.map(([kind]) => kind), ["error"]);
      marquee.close();
      const again = client(server, { storage }).marquee;
      assert.deepEqual(await again.flush(), { sent: 2, waiting: 0 });
      const [first, second] = [posts(server).at(0), posts(server).at(-1)];
      assert.deepEqual(second, first);
      assert.deepEqual(await again.flush(), { sent: 0, waiting: 0 });
    });
  }

  test("what the API refuses leaves with its reason, the rest stays sent", async () => {
    const refusing = (request, response) =>
      json(200, received(request.body.interactions, [{ index: 1, field: "type", reason: "expected a type" }]))(request, response);
    const { marquee, told } = await started([refusing]);
    for (const type of ["view", "bokking", "save"]) marquee.track(type, "e");
    assert.deepEqual(await marquee.flush(), { sent: 3, waiting: 0 });
    const [[, detail]] = told.filter(([kind]) => kind === "rejected");
    assert.deepEqual([detail.interaction.type, detail.field], ["bokking", "type"]);
  });

  test("a full queue says what it drops, impressions first", async () => {
    const { marquee, told } = await started([], { maxQueue: 3 });
    marquee.track("booking", "first");
    marquee.track("impression", "seen");
    for (const id of ["a", "b", "c"]) marquee.track("click", id);
    assert.equal((await marquee.flush()).sent, 3);
    const dropped = told.filter(([kind]) => kind === "dropped").map(([, { interaction, reason }]) => [interaction.event_id, reason]);
    assert.deepEqual(dropped, [["seen", "full"], ["first", "full"]]);
  });

  test("a queue with room for none says what it drops", async () => {
    const { marquee, told } = await started([], { maxQueue: 0 });
    for (const id of ["a", "b"]) marquee.track("click", id);
    assert.deepEqual(await marquee.flush(), { sent: 0, waiting: 0 });
    assert.deepEqual(told.map(([kind, { interaction, reason }]) => [kind, interaction?.event_id, reason]), [["dropped", "a", "full"], ["dropped", "b", "full"]]);
  });

  test("a full queue keeps a booking rather than an impression that comes", async () => {
    const { server, marquee } = await started([], { maxQueue: 1 });
    marquee.track("booking", "first");
    marquee.track("impression", "seen");
    await marquee.flush();
    assert.deepEqual(entries(server).map(({ event_id }) => event_id), ["first"]);
  });

  test("what is older than the API takes is dropped with a word", async () => {
    const { server, storage } = await started();
    const entry = { type: "view", event_id: "e", occurred_at: new Date(Date.now() - 8 * 86_400_000).toISOString() };
    storage.setItem(`marquee:${server.baseUrl}:queue:1:a`, JSON.stringify({ visitor: "v".repeat(20), skew: 0, entry }));
    storage.setItem(`marquee:${server.baseUrl}:queue:2:b`, "{broken");
    const { marquee, told } = client(server, { storage });
    await marquee.flush();
    assert.deepEqual(told.map(([kind, { reason }]) => [kind, reason]), [["dropped", "expired"], ["dropped", "unusable"]]);
    assert.equal(server.asked.length, 0);
  });

  test("what one user waits with is not sent, or kept, after a reset or an erasure in between", async () => {
    for (const forget of [(m) => m.reset(), (m) => m.forget("alice")]) {
      const { server, marquee, storage } = await started([], { userId: () => "alice" });
      for (let n = 0; n < 700; n++) marquee.track("view", `event_${n}`);
      server.answers.push(async (request, response) => {
        const forgotten = forget(marquee);
        server.answers.unshift(well, well);
        await forgotten;
        well(request, response);
      });
      await marquee.flush();
      assert.equal(posts(server).length, 1);
      assert.deepEqual(Array.from({ length: storage.length }, (_, place) => storage.key(place)).filter((key) => /queue/.test(key)), []);
    }
  });

  for (const [name, storage] of [["full", Object.assign(new FakeStorage(), { full: true })], ["absent", null],
    ["forbidden", new Proxy({}, { get: () => { throw new DOMException("no", "SecurityError"); } })]]) {
    test(`a storage that is ${name} still sends`, async () => {
      const server = await serve();
      ending(() => server.close());
      const marquee = new Marquee({ baseUrl: server.baseUrl, storage, flushAfterMs: 60_000 });
      ending(() => marquee.close());
      marquee.track("view", "e");
      marquee.track("save", "e");
      assert.deepEqual(await marquee.flush(), { sent: 2, waiting: 0 });
      const [body] = posts(server);
      assert.match(body.anonymous_id, /^[A-Za-z0-9_-]{16,64}$/);
    });
  }

  test("batches keep the limits of the API and of a page that closes", async () => {
    const { server, marquee } = await started();
    for (let n = 0; n < 700; n++) marquee.track("view", `event_${n}`);
    assert.equal((await marquee.flush()).sent, 700);
    for (const body of posts(server)) {
      assert.ok(body.interactions.length <= LIMITS.interactions);
      assert.ok(bytes(JSON.stringify(body)) <= 60_000);
    }
    assert.deepEqual(entries(server).map(({ event_id }) => event_id), Array.from({ length: 700 }, (_, n) => `event_${n}`));
  });

  test("sizes are bytes, not characters", async () => {
    const { server, marquee, told } = await started();
    for (let n = 0; n < 400; n++) marquee.track("view", `${"漢".repeat(100)}${n}`);
    for (const [words, count] of [["漢", 13_000], ["漢", 14_000], ["🎷", 9_900], ["🎷", 10_100]]) marquee.track("search", words.repeat(count));
    assert.equal((await marquee.flush()).sent, 402);
    for (const body of posts(server)) assert.ok(bytes(JSON.stringify(body)) <= 60_000, `${bytes(JSON.stringify(body))}`);
    assert.deepEqual(told.filter(([kind]) => kind === "dropped").map(([, { interaction }]) => interaction.query.length), [14_000, 20_200]);
  });

  test("a batch goes by itself, and after a failure later", async () => {
    const { server, marquee, told } = await started([problem(503)], { flushAfterMs: 20 });
    marquee.track("view", "e");
    await until(() => told.length);
    assert.deepEqual([server.asked.length, told[0][0]], [1, "error"]);
    marquee.track("view", "f");
    await new Promise((done) => setTimeout(done, 200));
    assert.equal(server.asked.length, 1);
    assert.deepEqual(await marquee.flush(), { sent: 2, waiting: 0 });
  });

  test("two tabs share a queue: with locks one sends, without both send the same", async () => {
    for (const locks of [fakeLocks(), undefined]) {
      replaced("navigator", { locks });
      const { server, marquee, storage } = await started();
      const other = client(server, { storage }).marquee;
      for (let n = 0; n < 20; n++) (n % 2 ? marquee : other).track("view", `e${n}`);
      await Promise.all([marquee.flush(), other.flush()]);
      const ids = entries(server).map(({ event_id, occurred_at }) => `${event_id} ${occurred_at}`);
      assert.equal(new Set(ids).size, 20);
      if (locks) assert.deepEqual([ids.length, locks.state.most], [20, 1]);
      assert.deepEqual(await other.flush(), { sent: 0, waiting: 0 });
    }
  });
});

describe("times", () => {
  for (const hours of [-30, -1, 0, 1, 30]) {
    test(`a clock ${hours} h off is put right by the server's`, async () => {
      const real = Date.now;
      const refusing = (request, response) => {
        const late = request.body.interactions.flatMap(({ occurred_at }, index) =>
          Date.parse(occurred_at) > real() + 120_000 ? [{ index, field: "occurred_at", reason: "expected the past" }] : []);
        json(200, received(request.body.interactions, late))(request, response);
      };
      const { server, marquee, told } = await started([refusing, refusing, refusing]);
      Date.now = () => real() + hours * 3_600_000;
      ending(() => (Date.now = real));
      marquee.track("view", "before");
      assert.equal((await marquee.flush()).waiting, 0);
      marquee.track("view", "after");
      await marquee.flush();
      assert.deepEqual(told.filter(([kind]) => kind !== "sent"), []);
      const [, ...right] = entries(server);
      for (const { occurred_at } of right) assert.ok(Math.abs(Date.parse(occurred_at) - real()) < 10_000, occurred_at);
    });
  }

  test("no two interactions have the same time, in the order of the calls", async () => {
    const { server, marquee } = await started();
    for (const type of ["booking", "cancel", "booking", "cancel"]) marquee.track(type, "e");
    await marquee.flush();
    const times = entries(server).map(({ occurred_at }) => occurred_at);
    assert.deepEqual(times, [...new Set(times)].sort());
  });
});

describe("people", () => {
  test("a sign-in joins the visitor, with or without something to send, and asks no token for visitors", async () => {
    let user = null;
    const options = { userId: () => user, idToken: async () => user && `token:${user}` };
    const { server, marquee, storage } = await started([], options);
    marquee.track("view", "e");
    await marquee.flush();
    const visitor = posts(server)[0].anonymous_id;
    assert.equal(server.asked[0].headers.authorization, undefined);
    assert.deepEqual(marquee.recent, ["e"]);
    user = "alice";
    await marquee.flush();
    assert.deepEqual(posts(server)[1], { user_id: "alice", anonymous_id: visitor, interactions: [] });
    assert.equal(server.asked[1].headers.authorization, "Bearer token:alice");
    await marquee.flush();
    assert.equal(posts(server).length, 2);
    assert.deepEqual(marquee.recent, []);
    user = null;
    marquee.track("view", "f");
    await marquee.flush();
    assert.notEqual(posts(server)[2].anonymous_id, visitor);
    assert.equal(storage.length > 0, true);
  });

  test("a join that failed is made later", async () => {
    let user = null;
    const { server, marquee } = await started([well, half], { userId: () => user });
    marquee.track("view", "e");
    await marquee.flush();
    user = "alice";
    await marquee.flush();
    await marquee.flush();
    const [, second, third] = posts(server);
    assert.deepEqual(third, second);
    assert.equal(posts(server).length, 3);
  });

  test("what one user did is never sent as another", async () => {
    let user = "alice";
    const { server, marquee } = await started([], { userId: () => user, idToken: () => user });
    marquee.track("view", "of alice");
    user = "bob";
    marquee.track("view", "of bob");
    assert.deepEqual(await marquee.flush(), { sent: 1, waiting: 1 });
    assert.deepEqual(posts(server).map((body) => [body.user_id, body.interactions[0].event_id]), [["bob", "of bob"]]);
    user = "alice";
    assert.deepEqual(await marquee.flush(), { sent: 1, waiting: 0 });
    assert.equal(posts(server)[1].user_id, "alice");
  });

  test("nothing of a user is sent while they are being forgotten, or afterwards", async () => {
    const { server, marquee } = await started([], { userId: () => "alice" });
    marquee.track("view", "before");
    server.answers.push(async (_, response) => {
      server.answers.unshift(well);
      assert.deepEqual(await marquee.flush(), { sent: 0, waiting: 0 });
      marquee.track("view", "meanwhile");
      json(200, { erased: 1 })(_, response);
    });
    await marquee.forget("alice");
    assert.deepEqual(await marquee.flush(), { sent: 0, waiting: 0 });
    assert.equal(posts(server).length, 0);
  });

  test("forgetting a user forgets what waits, and a reset all", async () => {
    const { server, marquee, storage } = await started([], { userId: () => "alice" });
    await marquee.forget("bob");
    marquee.track("view", "e");
    await marquee.forget("alice");
    assert.deepEqual(await marquee.flush(), { sent: 0, waiting: 0 });
    marquee.track("view", "e");
    marquee.reset();
    assert.equal(storage.length, 0);
    assert.equal(posts(server).length, 0);
  });
});

describe("lists and interactions", () => {
  test("the list and the position of an event follow it, over pages, unless they are given", async () => {
    const page = (list, ids, next_cursor) => json(200, { ...LIST, recommendation_id: list, items: ids.map((event_id) => ({ event_id })), next_cursor });
    const { server, marquee } = await started([page("one", ["a", "b"], "cursor12"), page("two", ["c"], null)]);
    await marquee.popular();
    await marquee.popular({ cursor: "cursor12" });
    marquee.track("click", "b");
    marquee.track("click", "c");
    marquee.track("click", "a", { recommendation_id: "other" });
    marquee.track("click", "unlisted");
    await marquee.flush();
    const said = entries(server).map(({ recommendation_id, position }) => [recommendation_id, position]);
    assert.deepEqual(said, [["one", 1], ["two", 2], ["other", undefined], [undefined, undefined]]);
  });

  test("an item says its position in the API's list, over pages, and one of a ranking as well", async () => {
    const page = (ids, next_cursor) => json(200, { ...LIST, items: ids.map((event_id) => ({ event_id })), next_cursor });
    const { marquee } = await started([page(["a", "b"], "cursor12"), page(["c"], null), page(["d", "e"])]);
    const lists = [await marquee.popular(), await marquee.popular({ cursor: "cursor12" }), await marquee.rank(["d", "e"])];
    assert.deepEqual(lists.map(({ items }) => items.map(({ position }) => position)), [[0, 1], [2], [0, 1]]);
  });

  test("what a plain call lists changes no list that was shown", async () => {
    const page = (list) => json(200, { ...LIST, recommendation_id: list, items: [{ event_id: "x" }, { event_id: "a" }] });
    const { server, marquee } = await started([page("shown"), page("unseen")]);
    await marquee.popular();
    await marquee.call("/events/popular?limit=100");
    marquee.track("click", "a");
    await marquee.flush();
    assert.deepEqual(entries(server).map(({ recommendation_id, position }) => [recommendation_id, position]), [["shown", 1]]);
  });
});

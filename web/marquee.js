const UNLIKED = ["dismiss", "undismiss", "cancel", "unsave"];
const TARGETS = { follow: "organizer_id", unfollow: "organizer_id", search: "query", category_click: "category" };
const CODES = {
  400: "bad_request", 401: "unauthenticated", 403: "forbidden", 404: "not_found", 408: "unavailable", 409: "conflict",
  413: "too_large", 429: "too_many", 502: "unavailable", 503: "unavailable", 504: "unavailable",
};
const PASSING = ["network", "timeout", "token", "unreadable", "too_many", "unavailable"];

export const LIMITS = { interactions: 500, page: 100, recent: 50, days: 7 };
// Of 64 KiB, two tokens may take 16.
const BEACON_BYTES = 60_000;
const BATCH_BYTES = 40_000;
const SEEN_RATIO = 0.5;
const LONG_MS = 30_000;
const DAY_MS = 86_400_000;

const iso = (time) => new Date(time).toISOString();
const ID = /^(?!\.\.?$|__.*__$)[^/\x00-\x1f\x7f\p{Cs}]{1,128}$/u;
const size = (text) => new Blob([text]).size;
const isText = (value) => typeof value === "string";
const isObject = (value) => value && typeof value === "object";
const isList = ({ items }) => items.every(isObject);

function demand(holds, what) {
  if (!holds) throw new TypeError(`expected ${what}`);
}

function tried(work, otherwise = null) {
  try {
    return work() ?? otherwise;
  } catch {
    return otherwise;
  }
}

const randomId = () => crypto.getRandomValues(new Uint32Array(4)).join("-");

export class MarqueeError extends Error {
  constructor(message, code, about) {
    super(message, about);
    Object.assign(this, { name: "MarqueeError", code, status: 0, field: null, retryAfterMs: null, ...about });
  }
}

function typed(work, given) {
  try {
    return work(given);
  } catch (cause) {
    throw new MarqueeError(`expected text, got ${cause}`, "bad_request", { status: 400, cause });
  }
}

const segment = (text) => typed(encodeURIComponent, text);

function shelf(storage, prefix) {
  const memory = new Map();
  return {
    get: (key) => memory.get(key) ?? tried(() => storage.getItem(prefix + key)),
    set(key, text) {
      memory.set(key, text);
      tried(() => {
        storage.setItem(prefix + key, text);
        memory.delete(key);
      });
    },
    delete(key) {
      memory.delete(key);
      tried(() => storage.removeItem(prefix + key));
    },
    keys() {
      const stored = tried(() => Array.from({ length: storage.length }, (_, place) => storage.key(place)), []);
      const own = stored.filter((key) => key?.startsWith(prefix)).map((key) => key.slice(prefix.length));
      return [...new Set([...own, ...memory.keys()])].sort();
    },
  };
}

export class Marquee {
  #options;
  #shelf;
  #tab;
  #listeners = new Set();
  #end = new AbortController();
  #last = {};
  #skew = null;
  #time = 0;
  #failures = 0;
  #timer;
  #chain = Promise.resolve();
  #beaconed = new Set();
  #room = BEACON_BYTES;
  #shown;
  #offsets = new Map();
  #watched = new WeakMap();
  #counted = new Set();
  #seen = [];

  constructor(options = {}) {
    demand(isObject(options), "options");
    const {
      baseUrl: url = "/api/v1", timeoutMs = 10_000, retries = 2, flushAfterMs = 2_000, maxQueue = 1_000,
      userId, idToken, appCheck, fallback, storage = tried(() => localStorage),
    } = options;
    for (const given of [timeoutMs, retries, flushAfterMs, maxQueue]) demand(given >= 0, `a number, got ${given}`);
    for (const given of [userId, idToken, appCheck, fallback]) demand(!given || given.call, `a function, got ${given}`);
    demand(!idToken || userId, "userId beside idToken");
    const baseUrl = String(url).replace(/\/+$/, "");
    this.#options = { baseUrl, timeoutMs, retries, flushAfterMs, maxQueue, userId, idToken, appCheck, fallback };
    const prefix = `marquee:${baseUrl}:`;
    this.#shelf = shelf(storage, prefix);
    this.#tab = shelf(storage && tried(() => sessionStorage), prefix);
    this.#shown = tried(() => new Map(JSON.parse(this.#tab.get("shown"))), new Map());
    const listen = (target, name, act) => target?.addEventListener?.(name, act, { signal: this.#end.signal });
    for (const name of ["online", "pageshow"]) listen(globalThis, name, () => this.#soon(0));
    listen(globalThis, "pagehide", () => this.#hide());
    listen(globalThis.document, "visibilitychange", () => (document.hidden ? this.#hide() : this.#soon(0)));
    this.#soon(0);
  }

  recommendations(conditions) {
    return this.#list("recommendations", "/recommendations", conditions);
  }

  async similar(eventId, conditions) {
    return this.#list("similar", `/events/${segment(eventId)}/similar`, conditions);
  }

  popular(conditions) {
    return this.#list("popular", "/events/popular", conditions);
  }

  trending(conditions) {
    return this.#list("trending", "/events/trending", conditions);
  }

  async rank(eventIds, { userId = this.#user(), recent, fields, explain, ...limits } = {}) {
    const body = { event_ids: eventIds, user_id: userId || undefined, recent, fields, explain };
    const answer = await this.call("/rank", { method: "POST", body, expects: isList, ...limits });
    this.#remember(answer, 0);
    return answer;
  }

  async audience(eventId, { limit, ...limits } = {}) {
    return this.call(`/events/${segment(eventId)}/audience${query({ limit })}`, limits);
  }

  async record(interactions, { userId = this.#user(), join = false, ...limits } = {}) {
    // A retry after midnight keeps its id.
    const at = this.#skew === null ? undefined : iso(Date.now() + this.#skew);
    const anonymous_id = isText(join) ? join : join || !userId ? this.#visitor() : undefined;
    const entries = interactions.map((entry) => ({ occurred_at: at, ...entry }));
    return this.#post({ user_id: userId || undefined, anonymous_id, interactions: entries }, limits);
  }

  async data(userId, { cursor, ...limits } = {}) {
    return this.call(`/users/${segment(userId)}/data${query({ cursor })}`, { timeoutMs: LONG_MS, ...limits });
  }

  async allowProfiling(userId, allowed, limits) {
    return this.call(`/users/${segment(userId)}/profiling`, { method: "PUT", body: { allowed }, ...limits });
  }

  async forget(userId, limits) {
    const purge = () => {
      this.#cut();
      for (const key of this.#queue()) if (this.#read(key)?.user === userId) this.#shelf.delete(key);
    };
    purge();
    const answer = await this.call(`/users/${segment(userId)}`, { method: "DELETE", timeoutMs: LONG_MS, ...limits });
    purge();
    return answer;
  }

  rules(limits) {
    return this.call("/rules", limits);
  }

  async setRules(rules, limits) {
    return this.call("/rules", { method: "PUT", body: rules, ...limits });
  }

  async report({ from, to, ...limits } = {}) {
    return this.call(`/report${query({ from, to })}`, { timeoutMs: LONG_MS, ...limits });
  }

  models(limits) {
    return this.call("/models", limits);
  }

  async activate(version, { hold, ...limits } = {}) {
    return this.call(`/models/${segment(version)}:activate`, { method: "POST", body: { hold }, timeoutMs: LONG_MS, ...limits, retries: 0 });
  }

  health(limits) {
    return this.call("/health", limits);
  }

  on(name, listener) {
    const one = { name, listener };
    if (typeof listener === "function") this.#listeners.add(one);
    return () => this.#listeners.delete(one);
  }

  get recent() {
    return tried(() => JSON.parse(this.#tab.get("recent")), []);
  }

  track(type, target, details) {
    try {
      const about = TARGETS[type] ?? "event_id";
      const given = about === "event_id" ? this.#placed(target, details) : details;
      this.#keep({ ...given, type, [about]: target }, this.#owner());
      if (about !== "event_id" || type === "impression" || this.#user()) return;
      const recent = this.recent.filter((id) => id !== target);
      if (!UNLIKED.includes(type)) recent.unshift(target);
      this.#tab.set("recent", JSON.stringify(recent.slice(0, LIMITS.recent)));
    } catch {
      this.#refuse({ type, target });
    }
  }

  observe(element, eventId, details) {
    let watcher;
    let timer;
    const end = () => {
      clearTimeout(timer);
      watcher?.disconnect();
    };
    try {
      // Fails here, not in a timer.
      const given = { ...JSON.parse(JSON.stringify(this.#placed(eventId, details))) };
      const seen = () => {
        end();
        // Asks again once the page is drawn.
        if (document.hidden) watcher.observe(element);
        else if (!this.#end.signal.aborted) this.#see(eventId, given);
      };
      const look = (changes) => {
        clearTimeout(timer);
        if (changes.at(-1).intersectionRatio >= SEEN_RATIO) timer = setTimeout(seen, 1_000);
      };
      this.#watched.get(element)?.();
      watcher = new IntersectionObserver(look, { threshold: SEEN_RATIO });
      watcher.observe(element);
      this.#watched.set(element, end);
    } catch {
      this.#refuse({ type: "impression", target: eventId });
    }
    return end;
  }

  flush() {
    this.#cut();
    this.#rest();
    this.#room = BEACON_BYTES;
    return (this.#chain = this.#chain.then(() => this.#locked()));
  }

  reset() {
    for (const shelf of [this.#shelf, this.#tab]) for (const key of shelf.keys()) shelf.delete(key);
    this.#shown.clear();
    this.#seen = [];
  }

  close() {
    this.#cut();
    this.#rest();
    this.#end.abort();
  }

  #placed(eventId, details) {
    demand(isText(eventId) && ID.test(eventId), "an id");
    return details?.recommendation_id ? details : { ...this.#shown.get(eventId), ...details };
  }

  #refuse(interaction, reason = "unusable") {
    this.#emit("dropped", { interaction, reason });
  }

  #emit(name, detail) {
    for (const one of this.#listeners) if (one.name === name) queueMicrotask(() => one.listener(detail));
  }

  #user() {
    const user = tried(() => this.#options.userId?.()) || null;
    if (!user || isText(user)) return user;
    this.#emit("error", new MarqueeError("expected userId to give text", "token"));
    return null;
  }

  #visitor() {
    if (!this.#shelf.get("visitor")) this.#shelf.set("visitor", randomId());
    return this.#shelf.get("visitor");
  }

  #owner() {
    const user = this.#user();
    return user ? { user } : { visitor: this.#visitor() };
  }

  async #list(name, path, { userId = this.#user(), signal, timeoutMs, ...conditions } = {}) {
    try {
      const url = path + query({ user_id: userId, ...conditions });
      const answer = await this.call(url, { expects: isList, signal, timeoutMs });
      this.#remember(answer, this.#offsets.get(conditions.cursor) ?? 0);
      return answer;
    } catch (error) {
      const ask = async () => (PASSING.includes(error.code) || error.status >= 500) && this.#options.fallback?.(name, conditions);
      const given = await ask().catch(() => {});
      if (!Array.isArray(given)) throw error;
      const now = Date.now() + this.#skew;
      const items = given
        .filter((item) => isObject(item) && !(Date.parse(item.ends_at ?? item.starts_at) <= now))
        .map((item) => ({ score: 0, source: null, reasons: [], reason_codes: [], ...item }));
      return { recommendation_id: "", model_version: null, items, next_cursor: null, degraded: [], fallback: true };
    }
  }

  #remember({ items, recommendation_id, next_cursor }, offset) {
    for (const item of items) {
      const position = (item.position = offset++);
      this.#shown.delete(item.event_id);
      this.#shown.set(item.event_id, { recommendation_id, position });
    }
    if (next_cursor) this.#offsets.set(next_cursor, offset);
    for (const known of [this.#shown, this.#offsets, this.#counted, this.#beaconed]) {
      for (const key of known.keys()) if (known.size > 300) known.delete(key);
    }
    this.#tab.set("shown", JSON.stringify([...this.#shown]));
  }

  async #post(body, limits) {
    const { user_id, anonymous_id, interactions } = body;
    const expects = ({ accepted, rejected }) =>
      accepted.every(isText) && rejected.every(isObject) && accepted.length + rejected.length === interactions.length;
    const answer = await this.call("/interactions", { method: "POST", body, expects, visitor: !user_id, ...limits });
    if (user_id && anonymous_id) {
      if (this.#shelf.get("visitor") === anonymous_id) this.#shelf.delete("visitor");
      this.#tab.delete("recent");
    }
    return answer;
  }

  async call(path, { signal, timeoutMs = this.#options.timeoutMs, retries = this.#options.retries, ...rest } = {}) {
    const end = Date.now() + timeoutMs;
    const limit = AbortSignal.timeout(Math.min(timeoutMs, DAY_MS));
    const stop = AbortSignal.any([limit, signal].filter(Boolean));
    const ask = async (tries) => {
      try {
        stop.throwIfAborted();
        return await this.#ask(path, stop, rest);
      } catch (error) {
        const wait = error.retryAfterMs ?? 300 * 2 ** tries * (0.5 + Math.random());
        if (!PASSING.includes(error.code) || tries >= retries || Date.now() + wait >= end) throw error;
        await new Promise((resolve) => setTimeout(resolve, wait));
        return ask(tries + 1);
      }
    };
    return new Promise((resolve, reject) => {
      const late = () => new MarqueeError(`${path}: expected an answer in ${timeoutMs} ms`, "timeout");
      stop.addEventListener("abort", () => reject(limit.aborted ? late() : stop.reason));
      ask(0).then(resolve, reject);
    });
  }

  async #ask(path, signal, { method = "GET", body, expects = isObject, visitor }) {
    const { token, app } = await this.#tokens(visitor);
    const headers = {
      ...(body && { "Content-Type": "application/json" }),
      ...(token && { Authorization: `Bearer ${token}` }),
      ...(app && { "X-Firebase-AppCheck": app }),
    };
    const url = this.#options.baseUrl + path;
    const text = body && typed(JSON.stringify, body);
    const began = Date.now();
    let status = 0;
    try {
      const response = await fetch(url, { method, headers, body: text, signal }).catch((cause) => {
        throw new MarqueeError(`${path}: expected an answer`, "network", { cause });
      });
      status = response.status;
      this.#hear(method, response.headers);
      let cause;
      const answer = await response.json().catch((error) => { cause = error; });
      const about = { status, field: answer?.field ?? null, retryAfterMs: pause(response.headers.get("Retry-After")), cause };
      if (!response.ok) throw new MarqueeError((isText(answer?.detail) && answer.detail) || `${path}: got status ${status}`, CODES[status] ?? "failed", about);
      if (!tried(() => expects(answer))) throw new MarqueeError(`${path}: expected an answer in JSON`, "unreadable", about);
      return answer;
    } finally {
      this.#emit("request", { method, path, url, body: text ?? null, status, ms: Date.now() - began });
    }
  }

  async #tokens(visitor) {
    const { idToken, appCheck } = this.#options;
    const user = visitor ? null : this.#user();
    try {
      const [token, app] = await Promise.all([visitor ? null : idToken?.(), appCheck?.()]);
      return (this.#last = { user, token, app });
    } catch (cause) {
      throw new MarqueeError(`expected tokens, got ${cause}`, "token", { cause });
    }
  }

  #hear(method, headers) {
    const now = Date.parse(headers.get("Date"));
    if (!now || (method === "GET" && !/no-store/.test(headers.get("Cache-Control")))) return;
    const skew = now - Date.now();
    // The API allows two minutes.
    this.#skew = Math.abs(skew - this.#skew) > 90_000 ? skew : +this.#skew;
  }

  #queue() {
    return this.#shelf.keys().filter((key) => key.startsWith("queue:"));
  }

  #read(key) {
    const text = this.#shelf.get(key);
    return text === null ? null : tried(() => JSON.parse(text), {});
  }

  #drop(key, reason) {
    this.#refuse(this.#read(key)?.entry, reason);
    this.#shelf.delete(key);
  }

  #keep(entry, owner) {
    const skew = this.#skew;
    this.#time = Math.max(Date.now(), this.#time + 1);
    const record = { ...owner, skew, entry: { ...entry, occurred_at: iso(this.#time + skew) } };
    if (size(JSON.stringify(record.entry)) > BATCH_BYTES) return this.#refuse(entry);
    this.#shelf.set(`queue:${this.#time}:${randomId()}`, JSON.stringify(record));
    const queue = this.#queue();
    if (queue.length > this.#options.maxQueue) {
      this.#drop(queue.find((key) => this.#read(key)?.entry?.type === "impression") ?? queue[0], "full");
    }
    this.#soon();
  }

  #soon(ms = this.#options.flushAfterMs) {
    if (this.#end.signal.aborted || (this.#timer && ms)) return;
    this.#rest();
    this.#timer = setTimeout(() => this.flush(), Math.min(ms, DAY_MS));
  }

  #rest() {
    clearTimeout(this.#timer);
    this.#timer = null;
  }

  #locked() {
    const drain = () => this.#drain();
    // A frozen tab may hold it.
    const signal = AbortSignal.timeout(15_000);
    return tried(() => navigator.locks.request(`marquee:${this.#options.baseUrl}`, { signal }, drain).catch(drain)) ?? drain();
  }

  #batches() {
    const user = this.#user();
    const oldest = Date.now() + this.#skew - LIMITS.days * DAY_MS;
    const batches = [];
    const last = (visitor) => batches.findLast((batch) => batch.visitor === visitor);
    for (const key of this.#queue()) {
      const record = this.#read(key);
      if (!record) continue;
      const at = Date.parse(record.entry?.occurred_at);
      if (!at || !(record.user || record.visitor)) this.#drop(key);
      else if (at < oldest) this.#drop(key, "expired");
      else if (record.visitor || record.user === user) {
        const bytes = size(JSON.stringify(record.entry)) + 1;
        let batch = last(record.visitor);
        if (!batch || batch.rows.length >= LIMITS.interactions || batch.bytes + bytes > BATCH_BYTES) {
          batches.push((batch = { user, visitor: record.visitor, bytes: 0, rows: [] }));
        }
        batch.rows.push([key, record]);
        batch.bytes += bytes;
      }
    }
    const visitor = user && this.#shelf.get("visitor");
    if (visitor && !last(visitor)) batches.push({ user, visitor, rows: [] });
    return batches;
  }

  #body({ user, visitor, rows }) {
    for (const [key, record] of rows) {
      if (record.isSent) continue;
      this.#restamp(record);
      this.#shelf.set(key, JSON.stringify({ ...record, isSent: true }));
    }
    return { user_id: user || undefined, anonymous_id: visitor, interactions: rows.map(([, record]) => record.entry) };
  }

  #restamp(record) {
    const change = this.#skew - record.skew;
    if (change) {
      const at = Math.min(Date.parse(record.entry.occurred_at) + change, Date.now() + this.#skew);
      record.entry.occurred_at = iso(at);
      record.skew = this.#skew;
      record.isSent = false;
    }
    return change;
  }

  async #drain() {
    let sent = 0;
    let failure;
    for (const batch of this.#batches()) {
      try {
        sent += await this.#send(batch);
      } catch (error) {
        failure = error;
        if (!error.status) break;
      }
    }
    if (failure) {
      this.#emit("error", failure);
      const backoffMs = Math.min(300_000, 5_000 * 2 ** this.#failures++) * (0.5 + Math.random() / 2);
      this.#rest();
      this.#soon(Math.max(backoffMs, failure.retryAfterMs ?? 0));
    } else this.#failures = 0;
    return { sent, waiting: this.#queue().length };
  }

  async #send(batch) {
    // A `reset` may have come between.
    const rows = (batch.rows = batch.rows.filter(([key]) => this.#shelf.get(key)));
    if (!rows.length && batch.visitor !== this.#shelf.get("visitor")) return 0;
    const answer = await this.#post(this.#body(batch));
    const again = rows.filter(([key, record], place) => {
      const why = answer.rejected.find((each) => each.index === place);
      if (why?.field === "occurred_at" && this.#restamp(record)) return true;
      this.#shelf.delete(key);
      if (why) this.#emit("rejected", { interaction: record.entry, field: why.field, reason: why.reason });
      return false;
    });
    this.#emit("sent", { ...answer, user_id: batch.user });
    return rows.length - again.length + (again.length ? await this.#send({ ...batch, rows: again }) : 0);
  }

  // Nobody reads the answer: all stays queued.
  #hide() {
    this.#cut();
    const user = this.#user();
    const token = this.#last.user === user && this.#last.token;
    if (user && !token && this.#options.idToken) return;
    const url = `${this.#options.baseUrl}/interactions`;
    for (const batch of this.#batches()) {
      if (batch.rows.every(([key]) => this.#beaconed.has(key))) continue;
      const body = JSON.stringify({ ...this.#body(batch), id_token: token || undefined, app_check_token: this.#last.app || undefined });
      this.#room -= size(body);
      if (this.#room < 0) return;
      for (const [key] of batch.rows) this.#beaconed.add(key);
      if (!tried(() => navigator.sendBeacon(url, body))) fetch(url, { method: "POST", body, keepalive: true }).catch(() => {});
    }
  }

  #see(eventId, { position, ...details }) {
    const owner = this.#owner();
    const of = JSON.stringify([owner, details]);
    if (this.#counted.has(of + eventId)) return;
    this.#counted.add(of + eventId);
    const entry = { ...details, type: "impression", position };
    if (!details.recommendation_id || position == null) return this.#keep({ ...entry, event_id: eventId }, owner);
    this.#seen.push({ of, owner, entry: { ...entry, event_ids: [eventId] } });
    this.#soon();
  }

  #cut() {
    const pages = [];
    for (const seen of this.#seen.splice(0).sort((one, other) => one.entry.position - other.entry.position)) {
      const page = pages.find(({ of, entry: { event_ids, position } }) =>
        of === seen.of && event_ids.length < LIMITS.page && position + event_ids.length === seen.entry.position);
      if (page) page.entry.event_ids.push(...seen.entry.event_ids);
      else pages.push(seen);
    }
    for (const { entry, owner } of pages) this.#keep(entry, owner);
  }
}

function pause(text) {
  const ms = Number(text) * 1_000 || Date.parse(text) - Date.now();
  return ms >= 0 ? ms : null;
}

function query(parameters) {
  const text = Object.entries(parameters).flatMap(([name, value]) => {
    const texts = [value].flat().filter((each) => each !== "" && each != null);
    // The API splits what it gets once at commas.
    const isOne = texts.length === 1 && (Array.isArray(value) || name === "category" || name === "city");
    return texts.map((each) => `${name}=${segment(isOne ? String(each).replaceAll(",", "\\,") : each)}`);
  }).join("&");
  return text && `?${text}`;
}

const UNDOING = ["cancel", "unsave", "unfollow", "undismiss"];
const TARGETS = { follow: "organizer_id", unfollow: "organizer_id", search: "query", category_click: "category" };
const CODES = {
  400: "bad_request", 401: "unauthenticated", 403: "forbidden", 404: "not_found", 409: "conflict", 413: "too_large",
  429: "too_many",
};
const PASSING = [0, 408, 429, 502, 503, 504];

export const LIMITS = { interactions: 500, page: 100, recent: 50, days: 7 };
// Of 64 KiB that a closing page may send, two tokens may take 16.
const BEACON_BYTES = 60_000;
const BATCH_BYTES = 40_000;
const REMEMBERED = 300;
// The API allows two minutes.
const CLOCK_MS = 90_000;
const SEEN_MS = 1_000;
const LOCK_MS = 15_000;
const LONG_MS = 30_000;
const BACKOFF_MS = 5_000;
const MAX_BACKOFF_MS = 300_000;

const mayPass = ({ code, status }) => code === "unreadable" || PASSING.includes(status);
const iso = (time) => new Date(time).toISOString();
const size = (text) => new Blob([text]).size;

function tried(work, otherwise = null) {
  try {
    return work() ?? otherwise;
  } catch {
    return otherwise;
  }
}

const randomId = () => [...crypto.getRandomValues(new Uint32Array(4))].map((part) => part.toString(36)).join("-");

export class MarqueeError extends Error {
  constructor(message, code, { status = 0, field = null, retryAfterMs = null, cause } = {}) {
    super(message, { cause });
    Object.assign(this, { name: "MarqueeError", code, status, field, retryAfterMs });
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
  #listeners = {};
  #end = new AbortController();
  #last = null;
  #skew = null;
  #time = 0;
  #failures = 0;
  #timer = null;
  #chain = Promise.resolve();
  #beaconed = new Set();
  #room = BEACON_BYTES;
  #shown;
  #offsets = new Map();
  #watcher = null;
  #watched = new Map();
  #counted = new Set();
  #seen = [];

  constructor({
    baseUrl = "/api/v1", timeoutMs = 10_000, retries = 2, flushAfterMs = 2_000, maxQueue = 1_000,
    storage = tried(() => localStorage), ...callbacks
  } = {}) {
    if (callbacks.idToken && !callbacks.userId) throw new TypeError("expected userId beside idToken");
    this.#options = { baseUrl, timeoutMs, retries, flushAfterMs, maxQueue, ...callbacks };
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
    const answer = await this.call("/rank", { method: "POST", body, expects: "items", ...limits });
    this.#remember(answer, 0);
    return answer;
  }

  async audience(eventId, { limit, ...limits } = {}) {
    return this.call(`/events/${segment(eventId)}/audience${query({ limit })}`, limits);
  }

  async record(interactions, { userId = this.#user(), join = false, ...limits } = {}) {
    // A retry after midnight has the id of the first try.
    const at = this.#skew === null ? undefined : iso(Date.now() + this.#skew);
    const visitor = typeof join === "string" ? join : join || !userId ? this.#visitor() : undefined;
    const entries = interactions.map((entry) => ({ occurred_at: at, ...entry }));
    const body = { user_id: userId || undefined, anonymous_id: visitor, interactions: entries };
    const answer = await this.#post(body, limits);
    if (userId && visitor) this.#joined(visitor);
    return answer;
  }

  async data(userId, { cursor, ...limits } = {}) {
    return this.call(`/users/${segment(userId)}/data${query({ cursor })}`, { timeoutMs: LONG_MS, ...limits });
  }

  async allowProfiling(userId, allowed, limits) {
    return this.call(`/users/${segment(userId)}/profiling`, { method: "PUT", body: { allowed }, ...limits });
  }

  async forget(userId, limits) {
    const answer = await this.call(`/users/${segment(userId)}`, { method: "DELETE", timeoutMs: LONG_MS, ...limits });
    for (const key of this.#queue()) if (this.#read(key)?.user === userId) this.#shelf.delete(key);
    return answer;
  }

  rules(limits) {
    return this.call("/rules", limits);
  }

  setRules(rules, limits) {
    return this.call("/rules", { method: "PUT", body: rules, ...limits });
  }

  report({ from, to, ...limits } = {}) {
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
    const listeners = (this.#listeners[name] ??= new Set());
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  get recent() {
    return tried(() => JSON.parse(this.#tab.get("recent")), []);
  }

  track(type, target, details = {}) {
    try {
      const about = TARGETS[type] ?? "event_id";
      const shown = about === "event_id" && !details.recommendation_id ? this.#shown.get(target) : undefined;
      this.#keep({ ...shown, ...details, type, [about]: target }, this.#owner());
      if (about !== "event_id" || type === "impression" || this.#user()) return;
      const others = this.recent.filter((id) => id !== target);
      const isLiked = type !== "dismiss" && !UNDOING.includes(type);
      this.#tab.set("recent", JSON.stringify((isLiked ? [target, ...others] : others).slice(0, LIMITS.recent)));
    } catch {
      this.#emit("dropped", { interaction: { type, target }, reason: "unusable" });
    }
  }

  observe(element, eventId, details = {}) {
    if (!globalThis.IntersectionObserver) return () => {};
    const look = (changes) => changes.forEach((change) => this.#look(change));
    this.#watcher ??= new IntersectionObserver(look, { threshold: 0.5 });
    const shown = details.recommendation_id ? undefined : this.#shown.get(eventId);
    this.#watched.set(element, { eventId, details: { ...shown, ...details }, timer: 0 });
    this.#watcher.observe(element);
    return () => this.#unwatch(element);
  }

  flush() {
    this.#cut();
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#room = BEACON_BYTES;
    this.#chain = this.#chain.then(async () => {
      const sent = await this.#locked(() => this.#drain());
      return { sent, waiting: this.#queue().length };
    });
    return this.#chain;
  }

  reset() {
    for (const shelf of [this.#shelf, this.#tab]) for (const key of shelf.keys()) shelf.delete(key);
    this.#shown.clear();
    this.#seen = [];
  }

  close() {
    this.#cut();
    clearTimeout(this.#timer);
    this.#watched.forEach((_, element) => this.#unwatch(element));
    this.#end.abort();
  }

  #emit(name, detail) {
    for (const listener of this.#listeners[name] ?? []) queueMicrotask(() => listener(detail));
  }

  #user() {
    return tried(() => this.#options.userId?.()) || null;
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
    const url = path + query({ user_id: userId, ...conditions });
    try {
      const answer = await this.call(url, { expects: "items", signal, timeoutMs });
      this.#remember(answer, this.#offsets.get(conditions.cursor) ?? 0);
      return answer;
    } catch (error) {
      const ask = async () => (mayPass(error) || error.status >= 500) && this.#options.fallback?.(name, conditions);
      const given = await ask().catch(() => null);
      if (!Array.isArray(given)) throw error;
      const now = Date.now() + (this.#skew ?? 0);
      const items = given
        .filter((item) => item && !(Date.parse(item.ends_at ?? item.starts_at) <= now))
        .map((item) => ({ score: 0, source: null, reasons: [], reason_codes: [], ...item }));
      return { recommendation_id: "", model_version: null, items, next_cursor: null, degraded: [], fallback: true };
    }
  }

  #remember({ items, recommendation_id, next_cursor }, offset) {
    items.forEach(({ event_id }, place) => {
      this.#shown.delete(event_id);
      this.#shown.set(event_id, { recommendation_id, position: offset + place });
    });
    if (next_cursor) this.#offsets.set(next_cursor, offset + items.length);
    for (const known of [this.#shown, this.#offsets]) {
      for (const key of known.keys()) if (known.size > REMEMBERED) known.delete(key);
    }
    this.#tab.set("shown", JSON.stringify([...this.#shown]));
  }

  #post(body, limits) {
    return this.call("/interactions", { method: "POST", body, expects: "accepted", visitor: !body.user_id, ...limits });
  }

  call(path, { signal, timeoutMs, retries = this.#options.retries, ...rest } = {}) {
    timeoutMs ??= this.#options.timeoutMs;
    const end = Date.now() + timeoutMs;
    const limit = AbortSignal.timeout(timeoutMs);
    const stop = AbortSignal.any(signal ? [limit, signal] : [limit]);
    const ask = async () => {
      for (let tries = 0; ; tries++) {
        try {
          stop.throwIfAborted();
          return await this.#ask(path, stop, rest);
        } catch (error) {
          const wait = error.retryAfterMs ?? 300 * 2 ** tries * (0.5 + Math.random());
          if (!mayPass(error) || tries >= retries || Date.now() + wait >= end) throw error;
          await new Promise((resolve) => setTimeout(resolve, wait));
        }
      }
    };
    const stopped = new Promise((_, reject) => {
      const late = new MarqueeError(`${path}: expected an answer in ${timeoutMs} ms`, "timeout");
      stop.addEventListener("abort", () => reject(limit.aborted ? late : stop.reason));
    });
    return Promise.race([stopped, ask()]);
  }

  async #ask(path, signal, { method = "GET", body, expects, visitor }) {
    const { token, app } = await this.#tokens(visitor);
    const headers = {
      ...(body && { "Content-Type": "application/json" }),
      ...(token && { Authorization: `Bearer ${token}` }),
      ...(app && { "X-Firebase-AppCheck": app }),
    };
    const url = this.#options.baseUrl + path;
    const text = body && typed(JSON.stringify, body);
    const began = performance.now();
    let status = 0;
    try {
      const response = await fetch(url, { method, headers, body: text, signal }).catch((cause) => {
        throw new MarqueeError(`${path}: expected an answer`, "network", { cause });
      });
      status = response.status;
      this.#hear(method, response.headers);
      let cause;
      const answer = await response.json().catch((error) => void (cause = error));
      const about = { status, field: answer?.field ?? null, retryAfterMs: pause(response.headers.get("Retry-After")), cause };
      if (!response.ok) {
        const code = CODES[status] ?? (PASSING.includes(status) ? "unavailable" : "failed");
        throw new MarqueeError(answer?.detail ?? `${path}: got status ${status}`, code, about);
      }
      if (!answer || typeof answer !== "object" || (expects && !Array.isArray(answer[expects]))) {
        throw new MarqueeError(`${path}: expected the API's JSON`, "unreadable", about);
      }
      return answer;
    } finally {
      this.#emit("request", { method, path, url, body: text ?? null, status, ms: performance.now() - began });
    }
  }

  async #tokens(visitor) {
    const { idToken, appCheck } = this.#options;
    const user = this.#user();
    try {
      const [token, app] = await Promise.all([visitor ? null : idToken?.(), appCheck?.()]);
      this.#last = { user: visitor ? null : user, token, app };
      return { token, app };
    } catch (cause) {
      throw new MarqueeError(`expected tokens, got ${cause}`, "token", { cause });
    }
  }

  #hear(method, headers) {
    const now = Date.parse(headers.get("Date"));
    const isFresh = method !== "GET" || /no-store/.test(headers.get("Cache-Control"));
    if (!now || !isFresh) return;
    const skew = now - Date.now();
    const known = this.#skew ?? 0;
    this.#skew = Math.abs(skew - known) > CLOCK_MS ? skew : known;
  }

  #queue() {
    return this.#shelf.keys().filter((key) => key.startsWith("queue:"));
  }

  #read(key) {
    const text = this.#shelf.get(key);
    return text === null ? null : tried(() => JSON.parse(text), {});
  }

  #write(key, record) {
    this.#shelf.set(key, JSON.stringify(record));
  }

  #drop(key, reason) {
    this.#emit("dropped", { interaction: this.#read(key)?.entry, reason });
    this.#shelf.delete(key);
  }

  #keep(entry, owner) {
    const skew = this.#skew ?? 0;
    this.#time = Math.max(Date.now(), this.#time + 1);
    const record = { ...owner, skew, entry: { ...entry, occurred_at: iso(this.#time + skew) } };
    if (size(JSON.stringify(record.entry)) > BATCH_BYTES) {
      return this.#emit("dropped", { interaction: entry, reason: "unusable" });
    }
    const queue = this.#queue();
    if (queue.length >= this.#options.maxQueue) {
      this.#drop(queue.find((key) => this.#read(key)?.entry?.type === "impression") ?? queue[0], "full");
    }
    this.#write(`queue:${this.#time}:${randomId()}`, record);
    this.#soon();
  }

  #soon(ms = this.#options.flushAfterMs) {
    if (this.#end.signal.aborted || (this.#timer && ms)) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.flush(), ms);
  }

  #locked(work) {
    const locks = tried(() => navigator.locks);
    if (!locks) return work();
    // A frozen tab may hold it; two tabs then send the same ids.
    const signal = AbortSignal.timeout(LOCK_MS);
    return locks.request(`marquee:${this.#options.baseUrl}`, { signal }, work).catch(work);
  }

  #batches() {
    const user = this.#user();
    const oldest = Date.now() + (this.#skew ?? 0) - LIMITS.days * 86_400_000;
    const batches = [];
    const open = new Map();
    const begin = (owner) => {
      const batch = { user, visitor: owner.visitor, rows: [], bytes: 0 };
      open.set(owner.visitor ?? "", batch);
      batches.push(batch);
      return batch;
    };
    for (const key of this.#queue()) {
      const record = this.#read(key);
      if (!record) continue;
      const at = Date.parse(record.entry?.occurred_at);
      if (!at || !(record.user || record.visitor)) this.#drop(key, "unusable");
      else if (at < oldest) this.#drop(key, "expired");
      else if (record.visitor || record.user === user) {
        const bytes = size(JSON.stringify(record.entry)) + 1;
        let batch = open.get(record.visitor ?? "") ?? begin(record);
        if (batch.rows.length >= LIMITS.interactions || batch.bytes + bytes > BATCH_BYTES) batch = begin(record);
        batch.rows.push([key, record]);
        batch.bytes += bytes;
      }
    }
    const visitor = user && this.#shelf.get("visitor");
    if (visitor && !open.has(visitor)) begin({ visitor });
    return batches;
  }

  #body({ user, visitor, rows }) {
    for (const [key, record] of rows) {
      if (record.isSent) continue;
      this.#restamp(record);
      this.#write(key, { ...record, isSent: true });
    }
    return { user_id: user ?? undefined, anonymous_id: visitor, interactions: rows.map(([, record]) => record.entry) };
  }

  #restamp(record) {
    const change = (this.#skew ?? 0) - record.skew;
    if (!change) return false;
    const at = Math.min(Date.parse(record.entry.occurred_at) + change, Date.now() + this.#skew);
    record.entry.occurred_at = iso(at);
    record.skew = this.#skew;
    return true;
  }

  async #drain() {
    let sent = 0;
    let failure;
    for (const batch of this.#batches()) {
      await this.#send(batch).then(
        (count) => (sent += count),
        (error) => (failure = error),
      );
      if (failure?.status === 0) break;
    }
    if (failure) this.#failed(failure);
    else this.#failures = 0;
    return sent;
  }

  async #send(batch) {
    const { user, visitor, rows } = batch;
    const answer = await this.#post(this.#body(batch));
    const { accepted, rejected } = answer;
    if (accepted.length + rejected?.length !== rows.length) {
      throw new MarqueeError(`expected an answer on ${rows.length} interactions`, "unreadable");
    }
    const reasons = new Map(rejected.map((reason) => [reason.index, reason]));
    const again = [];
    rows.forEach(([key, record], place) => {
      const why = reasons.get(place);
      if (why?.field === "occurred_at" && this.#restamp(record)) {
        this.#write(key, record);
        again.push([key, record]);
        return;
      }
      this.#shelf.delete(key);
      if (why) this.#emit("rejected", { interaction: record.entry, field: why.field, reason: why.reason });
    });
    if (user && visitor) this.#joined(visitor);
    this.#emit("sent", { ...answer, user_id: user });
    return rows.length - again.length + (again.length ? await this.#send({ ...batch, rows: again }) : 0);
  }

  #joined(visitor) {
    if (this.#shelf.get("visitor") === visitor) this.#shelf.delete("visitor");
    this.#tab.delete("recent");
  }

  #failed(error) {
    this.#emit("error", error);
    const backoff = Math.min(MAX_BACKOFF_MS, BACKOFF_MS * 2 ** this.#failures++) * (0.5 + Math.random() / 2);
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#soon(Math.max(backoff, error.retryAfterMs ?? 0));
  }

  // Nobody reads the answer: all stays in the queue.
  #hide() {
    this.#cut();
    const user = this.#user();
    const token = this.#last?.user === user ? this.#last.token : null;
    if (user && this.#options.idToken && !token) return;
    const tokens = { id_token: token ?? undefined, app_check_token: this.#last?.app ?? undefined };
    const url = `${this.#options.baseUrl}/interactions`;
    for (const batch of this.#batches()) {
      if (batch.rows.every(([key]) => this.#beaconed.has(key))) continue;
      const body = JSON.stringify({ ...this.#body(batch), ...tokens });
      this.#room -= size(body);
      if (this.#room < 0) return;
      for (const [key] of batch.rows) this.#beaconed.add(key);
      if (!tried(() => navigator.sendBeacon(url, body))) fetch(url, { method: "POST", body, keepalive: true }).catch(() => {});
    }
  }

  #look({ target, isIntersecting, intersectionRatio }) {
    const watched = this.#watched.get(target);
    clearTimeout(watched?.timer);
    if (!watched || !isIntersecting || intersectionRatio < 0.5) return;
    watched.timer = setTimeout(() => {
      if (document.hidden) {
        // Asks again once the page is drawn.
        this.#watcher.unobserve(target);
        this.#watcher.observe(target);
        return;
      }
      this.#unwatch(target);
      this.#see(watched);
    }, SEEN_MS);
  }

  #unwatch(element) {
    clearTimeout(this.#watched.get(element)?.timer);
    this.#watched.delete(element);
    this.#watcher?.unobserve(element);
  }

  #see({ eventId, details }) {
    const owner = this.#owner();
    const { recommendation_id: list, position } = details;
    const key = JSON.stringify([owner, list, eventId]);
    if (this.#counted.has(key)) return;
    this.#counted.add(key);
    if (!list || position == null) return this.#keep({ ...details, type: "impression", event_id: eventId }, owner);
    this.#seen.push({ owner, list, position, eventId });
    this.#soon();
  }

  // The id of a page names its first position.
  #cut() {
    const keep = ({ owner, list, position, ids }) =>
      this.#keep({ type: "impression", event_ids: ids, recommendation_id: list, position }, owner);
    const pages = new Map();
    for (const seen of this.#seen.splice(0).sort((one, other) => one.position - other.position)) {
      const key = JSON.stringify([seen.owner, seen.list]);
      const page = pages.get(key);
      if (page && page.position + page.ids.length === seen.position && page.ids.length < LIMITS.page) {
        page.ids.push(seen.eventId);
      } else {
        if (page) keep(page);
        pages.set(key, { ...seen, ids: [seen.eventId] });
      }
    }
    pages.forEach(keep);
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

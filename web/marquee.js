const REPEATING = ["impression", "view", "click", "share", "search", "category_click"];
const UNDONE = { cancel: "booking", unsave: "save", unfollow: "follow", undismiss: "dismiss" };

/**
 * Document id of an interaction that an app writes to Firestore itself, which the security rules check: a repeat is the
 * same document. `userId` and what the interaction is about are as in the document; `occurredAt` is its `occurred_at`.
 */
export async function interactionId(userId, interaction, occurredAt = new Date()) {
  const { type, event_id, event_ids, organizer_id, query, category, position, recommendation_id } = interaction;
  const owner = `${new TextEncoder().encode(userId).length}:${userId}`;
  const day = REPEATING.includes(type) ? `${occurredAt.toISOString().slice(0, 10).replaceAll("-", "")}:` : "";
  if (event_ids?.length) return `page:${owner}:${day}${position ?? 0}:${recommendation_id}`;
  const family = UNDONE[type] ?? type;
  const text = { search: query, category_click: category }[type];
  const target = text === undefined ? (family === "follow" ? organizer_id : event_id) : await sha256(text);
  return `${family}:${owner}:${day}${target}`;
}

async function sha256(text) {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Browser client of Marquee's API. */
export class Marquee {
  #token = null;
  #appToken = null;

  /**
   * @param {object} [options]
   * @param {string} [options.baseUrl] base URL of the API; by default on the page's own origin.
   * @param {() => Promise<string|null>} [options.idToken] returns the Firebase ID token, e.g. `() => auth.currentUser.getIdToken()`.
   * @param {() => Promise<string|null>} [options.appCheck] returns the App Check token where the API wants one
   *   (`MARQUEE_APP_CHECK=on`), e.g. `async () => (await getToken(appCheck)).token`.
   * @param {string} [options.anonymousId] a random secret for visitors who have not signed in, kept in their browser:
   *   `localStorage.visitor ??= crypto.randomUUID()`.
   */
  constructor({ baseUrl = "/api/v1", idToken = async () => null, appCheck = async () => null, anonymousId } = {}) {
    this.baseUrl = baseUrl;
    this.idToken = idToken;
    this.appCheck = appCheck;
    this.anonymousId = anonymousId;
  }

  /**
   * Recommended events for a user; without `userId` for the token's user, or for somebody without a history. Every
   * list takes the API's parameters by name:
   * `{ near: [41.9, -87.6], radius_km: 5, when: "weekend", diversity: 0.3, cursor }`.
   */
  async recommendations({ userId = "", limit = 10, ...conditions } = {}) {
    return this.#list("/recommendations", { user_id: userId, limit, ...conditions });
  }

  /** Events similar to a given event. */
  async similar(eventId, { userId = "", limit = 10, ...conditions } = {}) {
    return this.#list(`/events/${encodeURIComponent(eventId)}/similar`, { user_id: userId, limit, ...conditions });
  }

  /** Popular events; `window` is "day", "week" or "month", by default all time. */
  async popular({ userId = "", limit = 10, ...conditions } = {}) {
    return this.#list("/events/popular", { user_id: userId, limit, ...conditions });
  }

  /** Trending events, with more interactions than expected from their past; `window` is "day", "week" or "month". */
  async trending({ userId = "", limit = 10, ...conditions } = {}) {
    return this.#list("/events/trending", { user_id: userId, limit, ...conditions });
  }

  /** Ranking of the page's own list of event ids for a user. */
  async rank(eventIds, { userId, recent, fields } = {}) {
    const body = JSON.stringify({ event_ids: eventIds, user_id: userId || undefined, recent, fields });
    return this.#request("/rank", { method: "POST", body, headers: { "Content-Type": "application/json" } });
  }

  /** Audience of an event: the users most likely to attend it, for its organizer and admins. */
  async audience(eventId, { limit = 10 } = {}) {
    return this.#list(`/events/${encodeURIComponent(eventId)}/audience`, { limit });
  }

  /**
   * Stores interactions of a user: `[{ type: "click", event_id: "…" }]`. Idempotent. With `join`, to be sent once after
   * signing in, the interactions of the visitor become the user's.
   */
  async record(interactions, { userId, join = false } = {}) {
    const token = await this.idToken();
    const visitor = token && !join ? undefined : this.anonymousId;
    const body = JSON.stringify({ user_id: userId, anonymous_id: visitor, interactions });
    return this.#request("/interactions", { method: "POST", body, headers: { "Content-Type": "application/json" } });
  }

  /** Stores interactions while the page closes, with the tokens of the previous request; returns true if queued. */
  beacon(interactions, { userId } = {}) {
    const who = this.#token ? { id_token: this.#token } : { anonymous_id: this.anonymousId };
    const body = { user_id: userId, ...who, app_check_token: this.#appToken ?? undefined, interactions };
    return navigator.sendBeacon(`${this.baseUrl}/interactions`, JSON.stringify(body));
  }

  /** Stored documents about a user, in parts of 5,000 documents. */
  async data(userId, { cursor } = {}) {
    const query = cursor ? `?${new URLSearchParams({ cursor })}` : "";
    return this.#request(`/users/${encodeURIComponent(userId)}/data${query}`);
  }

  /** Allows or refuses that a user is profiled: that lists and models use what they declared and did. */
  async allowProfiling(userId, allowed) {
    const path = `/users/${encodeURIComponent(userId)}/profiling`;
    const headers = { "Content-Type": "application/json" };
    return this.#request(path, { method: "PUT", body: JSON.stringify({ allowed }), headers });
  }

  /** Erases a user's data. */
  async forget(userId) {
    return this.#request(`/users/${encodeURIComponent(userId)}`, { method: "DELETE" });
  }

  /** Health of the API: the model in service and its age. */
  async health() {
    return this.#request("/health");
  }

  async #list(path, parameters) {
    // A list is a repeated parameter. Given once, it is separated by commas, so a single value has its commas escaped,
    // and so has one category or city that is given as a text. Empty parameters are left out.
    const given = Object.entries(parameters).filter(([, value]) => value !== "" && value != null);
    const pairs = given.flatMap(([name, texts]) => {
      const value = name === "category" || name === "city" ? [texts].flat() : texts;
      if (!Array.isArray(value)) return [[name, String(value)]];
      if (value.length === 1) return [[name, String(value[0]).replaceAll(",", "\\,")]];
      return value.map((item) => [name, String(item)]);
    });
    return this.#request(`${path}?${new URLSearchParams(pairs)}`);
  }

  async #request(path, options = {}) {
    const [token, appToken] = await Promise.all([this.idToken(), this.appCheck()]);
    [this.#token, this.#appToken] = [token, appToken];
    const headers = {
      ...options.headers,
      ...(token ? { Authorization: `Bearer ${token}` } : {}),
      ...(appToken ? { "X-Firebase-AppCheck": appToken } : {}),
    };
    const response = await fetch(this.baseUrl + path, { ...options, headers });
    const body = await response.json();
    if (!response.ok) throw new Error(body.detail);
    return body;
  }
}

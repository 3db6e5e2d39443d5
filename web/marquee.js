/** Talks to Marquee's API from a browser. */
export class Marquee {
  #token = null;

  /**
   * @param {object} [options]
   * @param {string} [options.baseUrl] where the API is; the page's own origin unless told.
   * @param {() => Promise<string|null>} [options.idToken] gives the Firebase ID token, e.g. `() => auth.currentUser.getIdToken()`.
   * @param {string} [options.anonymousId] a random secret for visitors who have not signed in, kept in their browser:
   *   `localStorage.visitor ??= crypto.randomUUID()`.
   */
  constructor({ baseUrl = "/api/v1", idToken = async () => null, anonymousId } = {}) {
    this.baseUrl = baseUrl;
    this.idToken = idToken;
    this.anonymousId = anonymousId;
  }

  /**
   * A list for a user, for a stranger when `userId` is empty. Every list takes the conditions that the API documents, by
   * their names there: `{ near: [41.9, -87.6], radius_km: 5, when: "weekend", diversity: 0.3, cursor }`.
   */
  async recommendations({ userId = "", limit = 10, ...conditions } = {}) {
    return this.#list("/recommendations", { user_id: userId, limit, ...conditions });
  }

  /** Events like one. */
  async similar(eventId, { userId = "", limit = 10, ...conditions } = {}) {
    return this.#list(`/events/${encodeURIComponent(eventId)}/similar`, { user_id: userId, limit, ...conditions });
  }

  /** What people do most with; `window` is "day", "week" or "month", or all time. */
  async popular({ userId = "", limit = 10, ...conditions } = {}) {
    return this.#list("/events/popular", { user_id: userId, limit, ...conditions });
  }

  /** What gets more than its past lets expect. */
  async trending({ userId = "", limit = 10, ...conditions } = {}) {
    return this.#list("/events/trending", { user_id: userId, limit, ...conditions });
  }

  /** The page's own list of event ids in the order that suits a user. */
  async rank(eventIds, { userId, recent } = {}) {
    const body = JSON.stringify({ event_ids: eventIds, user_id: userId || undefined, recent });
    return this.#request("/rank", { method: "POST", body, headers: { "Content-Type": "application/json" } });
  }

  /** The users most likely to come to an event, for its organizer and admins. */
  async audience(eventId, { limit = 10 } = {}) {
    return this.#list(`/events/${encodeURIComponent(eventId)}/audience`, { limit });
  }

  /**
   * Stores what a user did: `[{ type: "click", event_id: "…" }]`. Repeats are harmless. With `join`, once after they have
   * signed in, what they did as a visitor becomes theirs.
   */
  async record(interactions, { userId, join = false } = {}) {
    const token = await this.idToken();
    const visitor = token && !join ? undefined : this.anonymousId;
    const body = JSON.stringify({ user_id: userId, anonymous_id: visitor, interactions });
    return this.#request("/interactions", { method: "POST", body, headers: { "Content-Type": "application/json" } });
  }

  /** The same while the page closes, with the token of the request before; returns whether it is on its way. */
  beacon(interactions, { userId } = {}) {
    const who = this.#token ? { id_token: this.#token } : { anonymous_id: this.anonymousId };
    return navigator.sendBeacon(`${this.baseUrl}/interactions`, JSON.stringify({ user_id: userId, ...who, interactions }));
  }

  /** Everything that is held about a user, in parts of 5,000 documents. */
  async data(userId, { cursor } = {}) {
    const query = cursor ? `?${new URLSearchParams({ cursor })}` : "";
    return this.#request(`/users/${encodeURIComponent(userId)}/data${query}`);
  }

  /** Forgets a user. */
  async forget(userId) {
    return this.#request(`/users/${encodeURIComponent(userId)}`, { method: "DELETE" });
  }

  /** The model in service and its age. */
  async health() {
    return this.#request("/health");
  }

  async #list(path, parameters) {
    // Lists are joined by commas, as the API takes them; what is empty is not asked for.
    const given = Object.entries(parameters).filter(([, value]) => value !== "" && value != null);
    return this.#request(`${path}?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}`);
  }

  async #request(path, options = {}) {
    const token = (this.#token = await this.idToken());
    const headers = { ...options.headers, ...(token ? { Authorization: `Bearer ${token}` } : {}) };
    const response = await fetch(this.baseUrl + path, { ...options, headers });
    const body = await response.json();
    if (!response.ok) throw new Error(body.detail);
    return body;
  }
}

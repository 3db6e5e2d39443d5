/** Talks to Marquee's API from a browser. */
export class Marquee {
  /**
   * @param {object} [options]
   * @param {string} [options.baseUrl] where the API is; the page's own origin unless told.
   * @param {() => Promise<string|null>} [options.idToken] gives the Firebase ID token, e.g. `() => auth.currentUser.getIdToken()`.
   */
  constructor({ baseUrl = "/api/v1", idToken = async () => null } = {}) {
    this.baseUrl = baseUrl;
    this.idToken = idToken;
  }

  /** A list for a user, for a stranger when `userId` is empty. */
  async recommendations({ userId = "", limit = 10 } = {}) {
    const query = new URLSearchParams({ limit: String(limit) });
    if (userId) query.set("user_id", userId);
    return this.#request(`/recommendations?${query}`);
  }

  /** Stores what a user did: `[{ type: "click", event_id: "…" }]`. Repeats are harmless. */
  async record(interactions, { userId } = {}) {
    const body = JSON.stringify({ user_id: userId, interactions });
    return this.#request("/interactions", { method: "POST", body, headers: { "Content-Type": "application/json" } });
  }

  /** The model in service and its age. */
  async health() {
    return this.#request("/health");
  }

  async #request(path, options = {}) {
    const token = await this.idToken();
    const headers = { ...options.headers, ...(token ? { Authorization: `Bearer ${token}` } : {}) };
    const response = await fetch(this.baseUrl + path, { ...options, headers });
    const body = await response.json();
    if (!response.ok) throw new Error(body.detail);
    return body;
  }
}

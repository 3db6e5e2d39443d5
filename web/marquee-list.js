import { Marquee } from "./marquee.js";

const LISTS = ["recommendations", "similar", "popular", "trending"];
// By name, since frameworks put attributes of their own on elements, and the API refuses parameters that it does not know.
const PARAMETERS = [
  "user_id", "recent", "limit", "cursor", "window", "near", "radius_km", "from", "to", "when", "dates", "category", "tags", "max_price",
  "city", "exclude", "diversity", "per_organizer", "per_series", "fields", "explain",
];
const PROPERTIES = ["client", "name", "conditions", "card"];
const dashed = (name) => name.replaceAll("_", "-");
const CARD = [["h3", "title"], ["p", "starts_at"], ["p", "reasons"]];
// Neither a style nor HTML as text: a page's content security policy may forbid both.
const STYLE = new CSSStyleSheet();
STYLE.replaceSync(`
  :host { display: block; }
  :host([hidden]) { display: none; }
  ol { display: grid; gap: var(--marquee-gap, 1rem); list-style: none; margin: 0; padding: 0; }
`);

function made(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function text(item, field) {
  const value = item[field];
  if (value == null || value === "" || (Array.isArray(value) && !value.length)) return null;
  if (Array.isArray(value)) return new Intl.ListFormat(undefined, { type: "unit" }).format(value);
  if (!/^(starts|ends)_at$/.test(field)) return String(value);
  const format = (timeZone) => new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short", timeZone }).format(new Date(value));
  // A time that is none is unknown; a time zone may be younger than the browser.
  if (Number.isNaN(Date.parse(value))) return null;
  try {
    return format(item.timezone ?? undefined);
  } catch {
    return format();
  }
}

/** Text with `{field}` in place of fields, null where one is unknown; in addresses, values are escaped. */
function filled(pattern, item, escape = String) {
  const names = [...pattern.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
  if (names.some((name) => item[name] == null)) return null;
  return pattern.replace(/\{(\w+)\}/g, (_, name) => escape(item[name]));
}

// Half of a pair of surrogates has no UTF-8, and would fail the whole list.
const escaped = (value) => encodeURIComponent(String(value).replace(/\p{Cs}/gu, "\ufffd"));

/** Address of a link or a picture; one that would run a script is unknown. */
function address(pattern, item) {
  const whole = /^\{(\w+)\}$/.exec(pattern);
  const url = whole ? filled(pattern, item) : filled(pattern, item, escaped);
  const isAddress = url !== null && URL.canParse(url, document.baseURI);
  return isAddress && /^(https?|blob):$/.test(new URL(url, document.baseURI).protocol) ? url : null;
}

const FILLS = {
  text(element, field, item) {
    const shown = text(item, field);
    element.textContent = shown;
    return shown !== null;
  },
  href: (element, value, item) => set(element, "href", address(value, item)),
  src: (element, value, item) => set(element, "src", address(value, item)),
  alt: (element, value, item) => set(element, "alt", filled(value, item)),
  label: (element, value, item) => set(element, "aria-label", filled(value, item)),
};

function set(element, name, value) {
  if (value === null) return false;
  element.setAttribute(name, value);
  return true;
}

/** List of events as an element; `marquee-list.d.ts` describes its attributes, slots and events. */
export class MarqueeListElement extends HTMLElement {
  static #shared = null;
  static #own = null;
  static #connected = new Set();
  static observedAttributes = [...new Set(["name", "event-id", ...PARAMETERS, ...PARAMETERS.map(dashed)])];

  #client = null;
  #conditions = {};
  #card = null;
  #list = null;
  #asked = 0;
  #abort = null;
  #ends = [];
  #root = this.attachShadow({ mode: "open" });
  #planned = false;

  static get client() {
    return MarqueeListElement.#shared ?? (MarqueeListElement.#own ??= new Marquee());
  }

  static set client(client) {
    MarqueeListElement.#shared = client;
    MarqueeListElement.#own?.close();
    MarqueeListElement.#own = null;
    // A list may have asked before the page's own script has run.
    for (const list of MarqueeListElement.#connected) if (!list.#client) list.#plan();
  }

  constructor() {
    super();
    this.#root.adoptedStyleSheets = [STYLE];
    this.#root.append(
      made("slot", { name: "heading" }), made("slot", { name: "loading" }), made("slot", { name: "error", role: "alert", hidden: "" }),
      made("slot", { name: "empty", hidden: "" }), made("ol", { part: "list" }),
    );
    // A page may have set them before this module was there.
    for (const name of PROPERTIES.filter((name) => Object.hasOwn(this, name))) {
      const value = this[name];
      delete this[name];
      this[name] = value;
    }
  }

  connectedCallback() {
    MarqueeListElement.#connected.add(this);
    this.#plan();
  }

  disconnectedCallback() {
    MarqueeListElement.#connected.delete(this);
    this.#asked++;
    this.#abort?.abort();
    this.#stop();
  }

  attributeChangedCallback(_name, before, after) {
    if (before !== after) this.#plan();
  }

  get client() {
    return this.#client ?? MarqueeListElement.client;
  }

  set client(client) {
    this.#client = client;
    this.#plan();
  }

  get name() {
    return LISTS.find((name) => name === this.getAttribute("name")) ?? "recommendations";
  }

  set name(name) {
    this.setAttribute("name", name);
  }

  get conditions() {
    return this.#conditions;
  }

  set conditions(conditions) {
    this.#conditions = conditions;
    this.#plan();
  }

  get card() {
    return this.#card;
  }

  set card(card) {
    this.#card = card;
    if (this.#list && this.isConnected) this.#show(this.#list);
  }

  get list() {
    return this.#list;
  }

  /** Asks for the list again; of two questions, the answer to the later one is shown. */
  async refresh() {
    const number = ++this.#asked;
    this.#abort?.abort();
    this.#abort = new AbortController();
    this.#state("loading");
    try {
      const conditions = { ...this.#attributes(), ...this.#conditions, signal: this.#abort.signal };
      const client = this.client;
      const about = this.name === "similar" ? [this.getAttribute("event-id") ?? "", conditions] : [conditions];
      const list = await client[this.name](...about);
      if (number !== this.#asked) return;
      this.#list = list;
      this.#show(list);
      this.#tell("marquee-loaded", list);
    } catch (error) {
      if (number !== this.#asked) return;
      this.#state("error");
      this.#tell("marquee-error", error);
    }
  }

  /** One question for all that changes at once. */
  #plan() {
    if (this.#planned || !this.isConnected) return;
    this.#planned = true;
    queueMicrotask(() => {
      this.#planned = false;
      if (this.isConnected) this.refresh();
    });
  }

  #attributes() {
    const given = [...this.attributes].map(({ name, value }) => [name.replaceAll("-", "_"), value]);
    return Object.fromEntries(given.filter(([name]) => PARAMETERS.includes(name)));
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true }));
  }

  #state(state) {
    for (const slot of this.#root.querySelectorAll("slot[name]")) {
      if (slot.name !== "heading" && !slot.name.startsWith("card-")) slot.hidden = slot.name !== state;
    }
    this.setAttribute("aria-busy", String(state === "loading"));
  }

  #stop() {
    for (const end of this.#ends.splice(0)) end();
  }

  /** Cards lie in the page's own tree, so that its styles reach them. An event that stays keeps its card and the focus. */
  #show(list) {
    this.#stop();
    const known = new Map([...this.children].filter(({ slot }) => slot.startsWith("card-")).map((card) => [card.slot, card]));
    const rows = list.items.map((item, place) => {
      const name = `card-${item.event_id}`;
      const card = known.get(name) ?? made("div", { slot: name });
      known.delete(name);
      const focused = card.contains(document.activeElement) ? document.activeElement.dataset.track : undefined;
      card.replaceChildren(this.#card ? this.#card(item, place) : this.#filled(item));
      if (!card.isConnected) this.append(card);
      if (focused) [...card.querySelectorAll("[data-track]")].find(({ dataset }) => dataset.track === focused)?.focus();
      this.#watch(card, item, { recommendation_id: list.recommendation_id || undefined, position: item.position ?? place });
      return made("li", { part: "item" }, made("slot", { name }));
    });
    for (const card of known.values()) card.remove();
    this.#root.querySelector("ol").replaceChildren(...rows);
    this.#state(rows.length ? "list" : "empty");
  }

  #filled(item) {
    const given = this.querySelector(":scope > template")?.content;
    const card = given?.cloneNode(true) ?? made("article", {}, ...CARD.map(([tag, field]) => made(tag, { "data-text": field })));
    for (const [name, fill] of Object.entries(FILLS)) {
      for (const element of card.querySelectorAll(`[data-${name}]`)) {
        if (!fill(element, element.dataset[name], item)) element.remove();
      }
    }
    return card;
  }

  #watch(card, item, details) {
    const client = this.client;
    const track = (event) => {
      const found = event.target.closest("[data-track]");
      if (!card.contains(found)) return;
      const type = found.dataset.track;
      client.track(type, item.event_id, details);
      this.#tell("marquee-track", { type, item });
    };
    card.addEventListener("click", track);
    this.#ends.push(client.observe(card, item.event_id, details), () => card.removeEventListener("click", track));
  }
}

if (!customElements.get("marquee-list")) customElements.define("marquee-list", MarqueeListElement);

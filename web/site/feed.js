import { KEPT, UNDOING, act, said } from "./actions.js";
import { listOf } from "./card.js";
import { byId, el, prose } from "./dom.js";
import { categories } from "./interests.js";
import { guarded, notify } from "./notice.js";
import { account, keepList, marquee } from "./session.js";
import { frame } from "./shell.js";
import { show } from "./shelf.js";
import { isKnown } from "./states.js";
import { counted, sentence } from "./wording.js";

const [FIRST, LONG] = [7, 40];
/** So much that somebody who likes one thing most sees others, too, and still above what they do not like. */
const DIVERSITY = 0.5;
const ROW = 8;
const RADIUS_KM = 5;
const MAX_BECAUSE = 2;
let chosen = await frame();
/** Rows that the page shows. */
let latest = [];

/** Conditions of all lists of the page, from what somebody chose and the filters. */
function conditions() {
  const form = new FormData(byId("filters"));
  return { category: form.get("category"), when: form.get("when"), max_price: form.get("free") ? 0 : undefined };
}

const isFiltered = () => Object.values(conditions()).some((value) => value !== "" && value !== undefined);
const near = () => (chosen.place ? { near: [chosen.place.lat, chosen.place.lng], radius_km: RADIUS_KM } : {});

/** The first list: a user's own, or for a visitor what is popular near, of what they chose and looked at. */
function own() {
  const given = conditions();
  if (account) return marquee.recommendations({ limit: LONG, diversity: DIVERSITY, ...given });
  const category = given.category || chosen.interests;
  return marquee.recommendations({ limit: LONG, diversity: DIVERSITY, ...given, ...near(), category, recent: marquee.recent });
}

function title() {
  if (account) return `For ${account.name}`;
  if (marquee.recent.length) return "From what you looked at";
  if (chosen.interests.length) return "Of what you like";
  return chosen.place ? `Popular near ${chosen.place.name}` : "Popular now";
}

/** Whether somebody has not yet decided on an event. */
const isOpen = ({ event_id }) => !isKnown("booking", event_id) && !isKnown("dismiss", event_id);

/** Rows of the page, and the whole first list, of which its row shows the beginning; without the API, that of before. */
async function load() {
  const only = isFiltered();
  const [first, trending, weekend] = await Promise.all([
    own(),
    only ? null : marquee.trending({ window: "week", limit: 3 * ROW, ...near() }).catch(() => null),
    only ? null : marquee.recommendations({ when: "weekend", limit: 3 * ROW, ...(account ? {} : { ...near(), recent: marquee.recent }) }).catch(() => null),
  ]);
  // Firestore's triggers may take a second to tell the lists what was booked or dismissed.
  first.items = first.items.filter(isOpen);
  if (first.fallback) return { first, rows: [{ id: "own", title: "What you saw last", list: { ...first, items: first.items.slice(0, FIRST) }, isGrid: true }] };
  const because = only ? [] : await Promise.all(anchors(first.items).map(similarTo));
  const shown = new Set(first.items.slice(0, FIRST).map((item) => item.event_id));
  const rest = (list, count = ROW) => {
    const items = list.items.filter((item) => isOpen(item) && !shown.has(item.event_id)).slice(0, count);
    for (const item of items) shown.add(item.event_id);
    return { ...list, items };
  };
  const rows = [
    { id: "own", title: title(), list: { ...first, items: first.items.slice(0, only ? LONG : FIRST) }, isGrid: true },
    ...because.map(({ anchor, list }) => ({ id: `because-${anchor.event_id}`, lead: `Because you ${anchor.verb}`, title: anchor.title, list: rest(list) })),
    trending && { id: "trending", title: chosen.place ? `Trending near ${chosen.place.name}` : "Trending", list: rest(trending) },
    weekend && { id: "weekend", title: "This weekend", list: rest(weekend) },
  ];
  return { first, rows: rows.filter(Boolean) };
}

const VERBS = { because_booking: "booked", because_save: "saved", because_attend: "went to", because_rating: "liked", because_click: "looked at", because_view: "looked at" };
const ORDER = [...new Set(Object.values(VERBS))];

/** Events of the past that explain a list: rows of similar events are made for them. What binds most comes first. */
function anchors(items) {
  const found = new Map();
  for (const { code, parameters } of items.flatMap((item) => item.reason_codes)) {
    if (!VERBS[code]) continue;
    const known = found.get(parameters.title) ?? { ...parameters, verb: VERBS[code], count: 0 };
    found.set(parameters.title, { ...known, count: known.count + 1 });
  }
  return [...found.values()].sort((a, b) => ORDER.indexOf(a.verb) - ORDER.indexOf(b.verb) || b.count - a.count).slice(0, MAX_BECAUSE);
}

async function similarTo(anchor) {
  return { anchor, list: await marquee.similar(anchor.event_id, { limit: 3 * ROW }) };
}

/** Lays the rows out, keeping those that are there, so that focus and scrolling stay. Returns what changed in the first. */
function lay(rows) {
  const root = byId("rows");
  const sections = rows.filter((row) => row.list.items.length || row.isGrid).map((row) => {
    const section = byId(row.id) ?? el("section", { class: row.isGrid ? "own" : "row", id: row.id, "aria-labelledby": `${row.id}-title` });
    return { row, section };
  });
  for (const old of [...root.children]) if (!sections.some(({ section }) => section === old)) old.remove();
  let changes = null;
  sections.forEach(({ row, section }, place) => {
    if (root.children[place] !== section) root.insertBefore(section, root.children[place] ?? null);
    if (!section.firstChild) section.append(el("h2", { id: `${row.id}-title` }), el("ol", { class: row.isGrid ? "grid" : "shelf", tabindex: row.isGrid ? null : "0", "aria-labelledby": `${row.id}-title` }));
    section.firstChild.replaceChildren(row.lead ? el("small", {}, row.lead, " ") : "", prose("span", {}, row.title));
    const found = show(section.lastChild, row.list);
    section.classList.toggle("empty", !row.list.items.length);
    if (row.isGrid) changes = found;
  });
  byId("empty")?.remove();
  if (!rows[0].list.items.length) {
    root.firstElementChild.after(el("p", { class: "panel", id: "empty" }, isFiltered() ? "Nothing to come fits these filters." : "There are no events to come."));
  }
  root.setAttribute("aria-busy", "false");
  return changes;
}

function greet() {
  byId("greeting")?.remove();
  if (account || chosen.interests.length || chosen.place) return;
  byId("filters").before(
    el(
      "section",
      { class: "greeting panel", id: "greeting", "aria-label": "Welcome" },
      el("p", {}, el("b", {}, "New here? "), "Choose what you like and where you are, or just look around: the lists follow you."),
      el("button", { type: "button", class: "main", onclick: () => byId("interests").click() }, "Choose interests"),
    ),
  );
}

/** Loads and shows everything anew. Returns what changed in the first list. */
const refresh = guarded(async () => {
  const { first, rows } = await load();
  latest = rows;
  if (!isFiltered()) keepList(first);
  greet();
  const changes = lay(rows);
  document.dispatchEvent(new CustomEvent("shown", { detail: { list: first, conditions: conditions() } }));
  if (first.fallback) notify("There is no connection.", { detail: "This is what you saw last. What you do is kept here, and sent later." });
  if (first.degraded.length) notify("These lists are not complete.", { detail: `Answered without: ${first.degraded.join(", ")}.` });
  return changes;
});

function told({ fresh, up, gone }) {
  const parts = [
    fresh.size && `${counted(fresh.size, "event")} came in`, up.size && `${up.size} moved up`, gone.size && `${gone.size} left`,
  ].filter(Boolean);
  return parts.length ? `Your list: ${parts.join(", ")}.` : "Your list stays as it is.";
}

document.addEventListener("acted", async ({ detail: { type, item, from, isWaiting } }) => {
  const undo = () => act(UNDOING[type], item, from);
  if (isWaiting) {
    lay(latest.map((row) => ({ ...row, list: { ...row.list, items: row.list.items.filter(isOpen) } })));
    notify(said(type, item.title), { detail: KEPT, undo });
    return;
  }
  const changes = await refresh();
  if (!changes) return;
  notify(said(type, item.title), { detail: told(changes), undo });
});
document.addEventListener("chosen", async ({ detail }) => {
  chosen = detail;
  document.querySelector("#interests span span").nextSibling.textContent = sentence(detail.place?.name ?? "anywhere");
  const changes = await refresh();
  if (changes) notify("Chosen.", { detail: told(changes) });
});
byId("filters").addEventListener("change", async () => {
  const changes = await refresh();
  if (changes) byId("spoken").textContent = `${counted(byId("own").lastChild.children.length, "event")} in the list.`;
});
byId("filters").addEventListener("submit", (event) => event.preventDefault());
byId("rows").addEventListener("click", (event) => {
  const link = event.target.closest("h3 a");
  if (link) marquee.track("click", link.closest(".card").dataset.event, listOf(link.href));
});

async function offerCategories() {
  byId("category").append(...(await categories()).map((name) => el("option", { value: name }, name)));
}
await Promise.all([refresh(), guarded(offerCategories)()]);

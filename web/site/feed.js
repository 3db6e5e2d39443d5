import { UNDOING, act, said, whenActed } from "./actions.js";
import { listOf } from "./card.js";
import { byId, el } from "./dom.js";
import { explained, noteFailure } from "./failure.js";
import { categories } from "./interests.js";
import { failedPart, notify } from "./notice.js";
import { dropOthers, layRow } from "./rows.js";
import { account, keepList, marquee } from "./session.js";
import { decorated, frame } from "./shell.js";
import { isKnown } from "./states.js";
import { counted, sentence } from "./wording.js";

const [FIRST, LONG] = [7, 40];
/** So much that somebody who likes one thing most sees others, too, and still above what they do not like. */
const DIVERSITY = 0.5;
const ROW = 8;
const RADIUS_KM = 5;
const MAX_BECAUSE = 2;
let chosen = await frame();
greet();
byId("filters").classList.remove("pending");
/** Rows that the page shows. */
let latest = [];

/** Conditions of all lists of the page, from what somebody chose and the filters. */
function conditions() {
  const form = new FormData(byId("filters"));
  return { category: form.get("category"), when: form.get("when"), max_price: form.get("free") ? 0 : undefined };
}

const isFiltered = () => Object.values(conditions()).some((value) => value !== "" && value !== undefined);
const near = () => (chosen.place ? { near: [chosen.place.lat, chosen.place.lng], radius_km: RADIUS_KM } : {});

/** Conditions of the first list: a user's own, or for a visitor what is popular near, of what they chose and looked at. */
function own() {
  const given = { limit: LONG, diversity: DIVERSITY, ...conditions() };
  return account ? given : { ...given, ...near(), category: given.category || chosen.interests, recent: marquee.recent };
}

function title() {
  if (account) return `For ${account.name}`;
  if (marquee.recent.length) return "From what you looked at";
  if (chosen.interests.length) return "Of what you like";
  return chosen.place ? `Popular near ${chosen.place.name}` : "Popular now";
}

/** Whether somebody has not yet decided on an event. */
const isOpen = ({ event_id }) => !isKnown("booking", event_id) && !isKnown("dismiss", event_id);

/** First row: the beginning of the first list, or all of it where filters are set. */
const ownRow = (first) => ({
  id: "own",
  title: first.fallback ? "What you saw last" : title(),
  list: { ...first, items: first.items.slice(0, isFiltered() ? LONG : FIRST) },
  isGrid: true,
});

/** Rows below the first one, each without the events of the rows above it; a row that the API does not give is left out. */
async function otherRows(first, asked) {
  const because = await Promise.all(anchors(first.items).map(similarTo));
  const [trending, weekend] = await Promise.all(asked);
  const shown = new Set(ownRow(first).list.items.map((item) => item.event_id));
  const rest = (list) => {
    const items = list.items.filter((item) => isOpen(item) && !shown.has(item.event_id)).slice(0, ROW);
    for (const item of items) shown.add(item.event_id);
    return { ...list, items };
  };
  return [
    ...because.map(({ anchor, list }) => list && { id: `because-${anchor.event_id}`, lead: `Because you ${anchor.verb}`, title: anchor.title, list: rest(list) }),
    trending && { id: "trending", title: chosen.place ? `Trending near ${chosen.place.name}` : "Trending", list: rest(trending) },
    weekend && { id: "weekend", title: "This weekend", list: rest(weekend) },
  ].filter((row) => row?.list.items.length);
}

const orNothing = (promise) => promise.catch(() => null);

const askOthers = () => [
  orNothing(marquee.trending({ window: "week", limit: 3 * ROW, ...near() })),
  orNothing(marquee.recommendations({ when: "weekend", limit: 3 * ROW, ...(account ? {} : { ...near(), recent: marquee.recent }) })),
];

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
  return { anchor, list: await orNothing(marquee.similar(anchor.event_id, { limit: 3 * ROW })) };
}

/** Says that the first list is empty, and why: an instance of the API that starts under load answers without events. */
function sayEmpty({ items, degraded }) {
  byId("empty")?.remove();
  if (items.length) return;
  const nothing = isFiltered() ? "Nothing to come fits these filters." : "There are no events to come.";
  const text = degraded.length ? "The events did not come in time. Load the page again in a moment." : nothing;
  byId("own").after(el("p", { class: "panel", id: "empty" }, text));
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

let turns = 0;

/**
 * Loads and shows everything anew, the first list as soon as it is there. Returns what changed in that, or nothing when a
 * later call has taken over.
 */
async function refresh() {
  const turn = ++turns;
  const isOver = () => turn !== turns;
  const root = byId("rows");
  root.setAttribute("aria-busy", "true");
  try {
    const wanted = own();
    const first = await marquee.recommendations(wanted);
    if (isOver()) return undefined;
    byId("failure")?.remove();
    // Firestore's triggers may take a second to tell the lists what was booked or dismissed.
    first.items = first.items.filter(isOpen);
    // Asked for only now, so that they do not hold up the first list.
    const asked = isFiltered() || first.fallback ? null : askOthers();
    if (!isFiltered()) keepList(first, wanted);
    greet();
    latest = [ownRow(first)];
    const changes = layRow(root, latest[0], 0);
    sayEmpty(first);
    await decorated;
    if (isOver()) return undefined;
    document.dispatchEvent(new CustomEvent("shown", { detail: { list: first, conditions: conditions() } }));
    if (asked) latest.push(...(await otherRows(first, asked)));
    if (isOver()) return undefined;
    dropOthers(root, latest);
    for (const [place, row] of latest.entries()) {
      if (!place) continue;
      await pause(); // Between two rows, the browser answers to whoever clicks.
      if (isOver()) return undefined;
      layRow(root, row, place);
    }
    if (first.fallback) notify("This is what you saw last.", { detail: "The service is out of reach. What you do is kept here, and sent later." });
    if (first.degraded.length) {
      noteFailure(new Error(`answered without: ${first.degraded.join(", ")}`));
      notify("These lists are not made for you alone.", { detail: "Something did not answer in time. Load the page again in a moment." });
    }
    return changes;
  } catch (error) {
    if (isOver()) return undefined;
    throw error;
  } finally {
    if (!isOver()) root.setAttribute("aria-busy", "false");
  }
}

/** Loads everything anew; where that fails, says why above what is shown. */
async function load() {
  return refresh().catch((error) => {
    byId("failure")?.remove();
    byId("rows").before(failedPart(el("h2", {}, "Your lists could not be loaded"), error, load));
  });
}

/** Loads everything after something was stored, and says both: that, and what the lists made of it. */
async function reload(text, { undo } = {}) {
  notify(text, { undo });
  try {
    const changes = await refresh();
    if (changes) notify(text, { detail: latest[0].list.fallback ? "The service is out of reach. This is what you saw last." : told(changes), undo });
  } catch (error) {
    noteFailure(error);
    dropDecided();
    notify(text, { detail: `Your lists are as before. ${explained(error).text}`, undo });
  }
}

/** Takes out of the lists what somebody has decided on. */
function dropDecided() {
  latest.forEach((row, place) => layRow(byId("rows"), { ...row, list: { ...row.list, items: row.list.items.filter(isOpen) } }, place));
}

const pause = () => new Promise((resolve) => setTimeout(resolve));

function told({ fresh, up, gone }) {
  const parts = [
    fresh.size && `${counted(fresh.size, "event")} came in`, up.size && `${up.size} moved up`, gone.size && `${gone.size} left`,
  ].filter(Boolean);
  return parts.length ? `Your list: ${parts.join(", ")}.` : "Your list stays as it is.";
}

whenActed(async ({ type, item, from, kept }) => {
  const [text, undo] = [said(type, item.title), () => act(UNDOING[type], item, from)];
  if (!kept) return reload(text, { undo });
  dropDecided();
  notify(text, { detail: kept, undo });
});
document.addEventListener("chosen", ({ detail }) => {
  chosen = detail;
  document.querySelector("#interests span span").nextSibling.textContent = sentence(detail.place?.name ?? "anywhere");
  return reload("Chosen.");
});
byId("filters").addEventListener("change", async () => {
  const changes = await load();
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
await load();
await orNothing(offerCategories());

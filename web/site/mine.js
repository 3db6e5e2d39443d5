import * as backend from "../backend.js";
import { KEPT, UNDOING, act, said } from "./actions.js";
import { pageOf } from "./card.js";
import { byId, el, prose } from "./dom.js";
import { guarded, notify } from "./notice.js";
import { picture } from "./picture.js";
import { account, forgetPlace, marquee, signIn, signOut, userId } from "./session.js";
import { frame } from "./shell.js";
import { forgetStates, learn } from "./states.js";
import { counted, startOf } from "./wording.js";

const MAX_SHOWN = 60;
await frame();

/** All that is stored about the user, from all parts of the export. */
async function exported() {
  const documents = [];
  let cursor;
  do {
    const part = await marquee.data(userId, cursor ? { cursor } : {});
    documents.push(...part.documents);
    cursor = part.cursor;
  } while (cursor);
  return documents;
}

/** Ids of events with a state of some type, the latest first. */
function eventsOf(documents, type) {
  const states = documents.filter(({ collection, fields }) => collection === "interactions" && fields.type === type);
  states.sort((a, b) => (a.fields.occurred_at < b.fields.occurred_at ? 1 : -1));
  return states.map(({ fields }) => fields.event_id).slice(0, MAX_SHOWN);
}

function entry(event, type) {
  const undo = type && el("button", { type: "button", "data-type": type, "aria-label": `${WORDS[type]} ${event.title}`, onclick: () => act(type, event) }, WORDS[type]);
  return el("li", { class: "entry", "data-event": event.event_id }, el("div", { class: "poster" }, picture(event)), el("div", { class: "words" }, el("p", { class: "when" }, startOf(event)), el("h3", {}, prose("a", { href: pageOf(event) }, event.title)), prose("p", { class: "facts" }, [event.category, event.city].filter(Boolean).join(" · "))), undo);
}

const WORDS = { cancel: "Cancel", unsave: "Remove" };

function section(id, title, entries, nothing) {
  const found = byId(id) ?? el("section", { class: "list", id, tabindex: "-1", "aria-labelledby": `${id}-title` });
  found.replaceChildren(el("h2", { id: `${id}-title` }, title), entries.length ? el("ul", {}, ...entries) : el("p", { class: "quiet" }, nothing));
  return found;
}

const load = guarded(async () => {
  const documents = await exported();
  const [booked, saved] = [eventsOf(documents, "booking"), eventsOf(documents, "save")];
  learn("booking", booked);
  learn("save", saved);
  const events = new Map((await backend.events([...new Set([...booked, ...saved])])).map((event) => [event.event_id, event]));
  const of = (ids) => ids.map((id) => events.get(id)).filter(Boolean);
  const now = new Date().toISOString();
  const isOver = (event) => (event.ends_at ?? event.starts_at ?? now) < now;
  const upcoming = of(booked).filter((event) => !isOver(event)).sort((a, b) => (a.starts_at < b.starts_at ? -1 : 1));
  byId("rows").replaceChildren(
    section("booked", "Booked", upcoming.map((event) => entry(event, "cancel")), "Nothing is booked. What you book stands here."),
    section("saved", "Saved", of(saved).filter((event) => !isOver(event)).map((event) => entry(event, "unsave")), "Nothing is saved. The heart of an event saves it."),
    section("past", "Past", of(booked).filter(isOver).map((event) => entry(event)), "Nothing yet."),
  );
  byId("rows").setAttribute("aria-busy", "false");
});

async function download() {
  const documents = await exported();
  const url = URL.createObjectURL(new Blob([JSON.stringify(documents, null, 2)], { type: "application/json" }));
  el("a", { href: url, download: "my-data.json" }).click();
  URL.revokeObjectURL(url);
  notify(`Downloaded ${counted(documents.length, "document")}.`);
}

async function forget() {
  const { erased } = await marquee.forget(userId);
  notify(`Erased ${counted(erased, "document")}.`);
  marquee.reset();
  forgetStates();
  forgetPlace();
  await signOut();
}

async function ownPage() {
  await load();
  byId("data").hidden = false;
  byId("profiling").checked = (await backend.profile(userId)).profiling !== false;
  byId("profiling").addEventListener("change", guarded(async ({ target }) => {
    const { allowed } = await marquee.allowProfiling(userId, target.checked);
    notify(allowed ? "Your lists are made for you again." : "Your lists are those of somebody new, without what you did.");
  }));
  byId("export").addEventListener("click", guarded(download));
  byId("forget").addEventListener("click", () => byId("sure").showModal());
  byId("sure").addEventListener("close", guarded(async ({ target }) => {
    if (target.returnValue === "forget") await forget();
  }));
  document.addEventListener("acted", async ({ detail: { type, item, isWaiting } }) => {
    const place = document.activeElement?.closest("section")?.id;
    if (!isWaiting) await load();
    if (place) byId(place)?.focus({ preventScroll: true });
    notify(said(type, item.title), { detail: isWaiting && KEPT, undo: () => act(UNDOING[type], item) });
  });
}

if (account) await guarded(ownPage)();
else {
  byId("rows").replaceChildren(el("div", { class: "panel" }, el("p", {}, "Sign in to see what you booked and saved."), el("button", { type: "button", class: "main", onclick: guarded(() => signIn()) }, "Sign in")));
  byId("rows").setAttribute("aria-busy", "false");
}

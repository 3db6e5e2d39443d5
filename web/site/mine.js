import { DOING, UNDOING, act, said, whenActed } from "./actions.js";
import { during, heldOpen, isBusy, pressed } from "./busy.js";
import { pageOf } from "./card.js";
import { closing, events, isOver, profile, statesOf } from "./documents.js";
import { byId, el, prose } from "./dom.js";
import { explainIn, explained, noteFailure } from "./failure.js";
import { failedPart, guarded, notify } from "./notice.js";
import { picture } from "./picture.js";
import { account, forgetPlace, marquee, sayLater, signIn, signOut, userId } from "./session.js";
import { frame } from "./shell.js";
import { forgetStates, learn } from "./states.js";
import { counted, startOf } from "./wording.js";

const MAX_SHOWN = 60;
/** Time in which a browser has begun to read a file that it was given: Safari does so after the click. */
const READ_MS = 60_000;
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

function undoing(event, type) {
  return el("button", { type: "button", "data-type": type, "aria-label": `${WORDS[type]} ${event.title}`, onclick: pressed(DOING[type], () => act(type, event)) }, WORDS[type]);
}

function entry(event, type) {
  const closed = !isOver(event) && closing(event);
  const facts = [event.category, event.city].filter(Boolean).join(" · ");
  return el("li", { class: "entry", "data-event": event.event_id }, el("div", { class: "poster" }, picture(event)), el("div", { class: "words" }, el("p", { class: "when" }, startOf(event)), el("h3", {}, prose("a", { href: pageOf(event) }, event.title)), prose("p", { class: "facts" }, facts), closed && el("p", { class: "facts" }, closed)), type && undoing(event, type));
}

/** Entry of an event that was taken back: only its id is known. */
function goneEntry(eventId, type) {
  const event = { event_id: eventId, title: `the event ${eventId}` };
  return el("li", { class: "entry", "data-event": eventId }, el("div", { class: "poster" }, picture(event)), el("div", { class: "words" }, el("h3", {}, "No longer available"), prose("p", { class: "facts" }, eventId)), undoing(event, type));
}

const WORDS = { cancel: "Cancel", unsave: "Remove" };

function section(id, title, entries, nothing) {
  const found = byId(id) ?? el("section", { class: "list", id, tabindex: "-1", "aria-labelledby": `${id}-title` });
  found.replaceChildren(el("h2", { id: `${id}-title` }, title), entries.length ? el("ul", {}, ...entries) : el("p", { class: "quiet" }, nothing));
  return found;
}

async function load() {
  const documents = await exported();
  const [allBooked, allSaved] = [statesOf(documents, "booking"), statesOf(documents, "save")];
  learn("booking", [...allBooked].reverse());
  learn("save", [...allSaved].reverse());
  const [booked, saved] = [allBooked.slice(0, MAX_SHOWN), allSaved.slice(0, MAX_SHOWN)];
  const known = new Map((await events([...new Set([...booked, ...saved])])).map((event) => [event.event_id, event]));
  const of = (ids) => ids.map((id) => known.get(id)).filter(Boolean);
  const gone = (ids, type) => ids.filter((id) => !known.has(id)).map((id) => goneEntry(id, type));
  const upcoming = of(booked).filter((event) => !isOver(event)).sort((a, b) => ((a.starts_at ?? "") < (b.starts_at ?? "") ? -1 : 1));
  byId("rows").replaceChildren(
    section("booked", "Booked", [...upcoming.map((event) => entry(event, "cancel")), ...gone(booked, "cancel")], "Nothing is booked. What you book stands here."),
    section("saved", "Saved", [...of(saved).filter((event) => !isOver(event)).map((event) => entry(event, "unsave")), ...gone(saved, "unsave")], "Nothing is saved. The heart of an event saves it."),
    section("past", "Past", of(booked).filter((event) => isOver(event)).map((event) => entry(event)), "Nothing yet."),
  );
}

async function download() {
  const documents = await exported();
  const url = URL.createObjectURL(new Blob([JSON.stringify(documents, null, 2)], { type: "application/json" }));
  el("a", { href: url, download: "my-data.json" }).click();
  setTimeout(() => URL.revokeObjectURL(url), READ_MS);
  notify(`Downloaded ${counted(documents.length, "document")}.`);
}

async function forget() {
  const { erased } = await marquee.forget(userId);
  sayLater({ text: `Erased ${counted(erased, "document")}.` });
  marquee.reset();
  forgetStates();
  forgetPlace();
  await signOut();
}

/** Stops or allows the use of the data; where that fails, the switch is as before. */
async function setProfiling(control) {
  try {
    const { allowed } = await marquee.allowProfiling(userId, control.checked);
    notify(allowed ? "Your lists are made for you again." : "Your lists are those of somebody new, without what you did.");
  } catch (error) {
    control.checked = !control.checked;
    throw error;
  }
}

async function ownPage() {
  await load();
  byId("profiling").checked = (await profile(userId)).profiling;
  byId("failure")?.remove();
  byId("data").hidden = false;
}

function listen() {
  const sure = byId("sure");
  byId("profiling").addEventListener("click", (event) => isBusy(event.target) && event.preventDefault());
  byId("profiling").addEventListener("change", ({ target }) => during(target, "Storing your choice…", guarded(() => setProfiling(target))));
  byId("export").addEventListener("click", pressed("Preparing…", guarded(download)));
  byId("forget").addEventListener("click", () => sure.showModal());
  byId("erase").addEventListener("click", pressed("Erasing…", async () => {
    byId("not-erased").textContent = "";
    await forget().catch((error) => explainIn(byId("not-erased"), error));
  }));
  heldOpen(sure);
  whenActed(async ({ type, item, kept }) => {
    const place = document.activeElement?.closest("section")?.id;
    const tell = (detail) => notify(said(type, item.title), { detail, undo: () => act(UNDOING[type], item) });
    tell(kept);
    if (!kept) {
      await load().catch((error) => {
        noteFailure(error);
        tell(`This page is as before. ${explained(error).text}`);
      });
    }
    if (place) byId(place)?.focus({ preventScroll: true });
  });
}

/** Shows what the user booked and saved, or why that cannot be. */
async function show() {
  await ownPage().catch((error) => byId("rows").replaceChildren(failedPart(el("h2", {}, "Your events could not be loaded"), error, show)));
  byId("rows").setAttribute("aria-busy", "false");
}

if (account) {
  listen();
  await show();
} else {
  byId("rows").replaceChildren(el("div", { class: "panel" }, el("p", {}, "Sign in to see what you booked and saved."), el("button", { type: "button", class: "main", onclick: pressed("Signing in…", guarded(() => signIn())) }, "Sign in")));
  byId("rows").setAttribute("aria-busy", "false");
}

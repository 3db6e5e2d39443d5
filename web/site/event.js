import { DOING, UNDOING, act, said, whenActed } from "./actions.js";
import { pressed } from "./busy.js";
import { actions, listOf } from "./card.js";
import { closing, events, isOver } from "./documents.js";
import { byId, el, prose } from "./dom.js";
import { explained, noteFailure } from "./failure.js";
import { failedPart, guarded, notify } from "./notice.js";
import { picture } from "./picture.js";
import { layRow } from "./rows.js";
import { marquee } from "./session.js";
import { frame } from "./shell.js";
import { isKnown } from "./states.js";
import { priceOf, startOf } from "./wording.js";

const SIMILAR = 8;
const asked = new URLSearchParams(location.search);
const eventId = asked.get("id") ?? "";
const from = listOf(location.href);
await frame();

let failure = null;
const [event] = await events([eventId]).catch((error) => {
  failure = error;
  return [];
});
let isBooked = isKnown("booking", eventId);

function detail() {
  const place = [event.city, event.category].filter(Boolean).join(" · ");
  const type = isBooked ? "cancel" : "booking";
  const book = el("button", { type: "button", class: "main", "data-type": type, onclick: pressed(DOING[type], () => act(type, event, from)) }, isBooked ? "Cancel the booking" : "Book");
  const others = actions(event, from);
  const closed = closing(event);
  const parts = [closed && el("p", {}, closed), (!closed || (isBooked && !isOver(event))) && book];
  others.querySelector("[data-type=booking]").replaceWith(...parts.filter(Boolean));
  byId("event").replaceChildren(
    el("div", { class: "poster" }, picture(event)),
    el(
      "div",
      { class: "words" },
      el("p", { class: "when" }, el("time", { datetime: event.starts_at }, startOf(event))),
      prose("h1", {}, event.title),
      prose("p", { class: "facts" }, place),
      event.description && prose("p", { class: "text" }, event.description),
      event.tags.length > 0 && el("ul", { class: "tags", "aria-label": "Tags" }, ...event.tags.map((tag) => prose("li", {}, tag))),
      el("div", { class: "till" }, el("strong", {}, priceOf(event)), others),
    ),
  );
}

async function similar() {
  const list = await marquee.similar(eventId, { limit: SIMILAR });
  layRow(byId("rows"), { id: "similar", title: "Similar events", list }, 0);
}

if (event) {
  document.title = `${event.title}: Marquee`;
  detail();
  marquee.track("view", eventId, from);
  whenActed(follow);
  await guarded(similar)();
} else if (failure) {
  byId("event").append(failedPart(el("h1", {}, "This event could not be loaded"), failure, () => location.reload()));
} else {
  document.title = "This event is gone: Marquee";
  byId("event").append(el("h1", {}, "This event is gone"), el("p", {}, "It was taken back, or never was. ", el("a", { href: "./" }, "See what is on.")));
}
byId("main").setAttribute("aria-busy", "false");

/** Shows what was done, at once in the event itself, then in the list below it. */
async function follow({ type, item, from: list, kept }) {
  const focused = document.activeElement?.closest("#event [data-type]")?.dataset.type;
  if (item.event_id === eventId) {
    if (type === "booking" || type === "cancel") isBooked = type === "booking";
    detail();
  }
  if (focused) byId("event").querySelector(`[data-type="${UNDOING[focused]}"], [data-type="${focused}"]`)?.focus();
  const tell = (text) => notify(said(type, item.title), { detail: text, undo: () => act(UNDOING[type], item, list) });
  tell(kept);
  if (kept) return;
  await similar().catch((error) => {
    noteFailure(error);
    tell(`Similar events are as before. ${explained(error).text}`);
  });
}

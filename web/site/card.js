import { DOING, act } from "./actions.js";
import { pressed } from "./busy.js";
import { el, icon, prose } from "./dom.js";
import { picture } from "./picture.js";
import { isKnown } from "./states.js";
import { priceOf, sentence, startOf } from "./wording.js";

const MAX_REASONS = 2;

/** Address of the page of an event; it says which list led there. */
export function pageOf(item, from = {}) {
  const named = Object.entries({ id: item.event_id, list: from.recommendation_id, position: from.position });
  return `event.html?${new URLSearchParams(named.filter(([, value]) => value != null))}`;
}

/** List that led to the page of an event, from its address, as `from` of an interaction. */
export function listOf(address) {
  const { searchParams } = new URL(address, location.href);
  const [list, position] = [searchParams.get("list"), searchParams.get("position")];
  return { ...(list && { recommendation_id: list }), ...(position && { position: Number(position) }) };
}

/** Card of an event in a list: its picture, when, what and why, and what can be done. */
export function card(item, from) {
  const facts = [item.category, item.city, priceOf(item)].filter(Boolean).join(" · ");
  const why = (item.reasons ?? []).slice(0, MAX_REASONS);
  return el(
    "li",
    { class: "card", "data-event": item.event_id, "data-source": item.source },
    el(
      "article",
      {},
      el("div", { class: "poster" }, picture(item)),
      el(
        "div",
        { class: "words" },
        el("p", { class: "when" }, el("time", { datetime: item.starts_at }, startOf(item))),
        el("h3", {}, prose("a", { href: pageOf(item, from) }, item.title)),
        prose("p", { class: "facts" }, facts),
        why.length > 0 && el("ul", { class: "reasons", "aria-label": "Why" }, ...why.map((reason) => prose("li", {}, sentence(reason)))),
      ),
      actions(item, from),
    ),
  );
}

/** Buttons of an event. */
export function actions(item, from) {
  const button = (type, attributes, ...content) =>
    el("button", { type: "button", "data-type": type, onclick: pressed(DOING[type], () => act(type, item, from)), ...attributes }, ...content);
  const saved = isKnown("save", item.event_id);
  return el(
    "div",
    { class: "actions" },
    button("booking", { class: "main", "aria-label": `Book ${item.title}` }, "Book"),
    button(
      saved ? "unsave" : "save",
      { class: "round", "aria-label": `Save ${item.title}`, "aria-pressed": String(saved), title: saved ? "Saved" : "Save" },
      icon("heart"),
    ),
    button("dismiss", { class: "round", "aria-label": `Not interested in ${item.title}`, title: "Not interested" }, icon("cross")),
  );
}

import { pageOf } from "../site/card.js";
import { byId, el, prose } from "../site/dom.js";
import { guarded } from "../site/notice.js";
import { picture } from "../site/picture.js";
import { account, popular } from "../site/session.js";
import { sentence, startOf } from "../site/wording.js";

const LENGTH = 10;
const WIDE = 100;
const WHOSE = account ? `${account.name}’s` : "a visitor’s";

function entry(item, mark, from) {
  return el(
    "li",
    { "data-event": item.event_id, class: mark.className },
    el("div", { class: "poster" }, picture(item)),
    el("div", { class: "words" }, el("h3", {}, prose("a", { href: pageOf(item, from) }, item.title)), prose("p", { class: "facts" }, [startOf(item), sentence(item.reasons?.[0] ?? "")].filter(Boolean).join(" · "))),
    el("span", { class: "mark" }, mark.text),
  );
}

/** How an event at `place` of a person's list moved: its place among the popular ones, undefined beyond the first. */
function moved(place, popular) {
  if (popular === undefined) return { className: "up", text: `▲ from beyond ${WIDE}` };
  if (popular === place) return { className: "same", text: "same place" };
  return popular > place ? { className: "up", text: `▲ from ${popular + 1}` } : { className: "down", text: `▼ from ${popular + 1}` };
}

/** Where a popular event stands in a person's list of `count` events. */
const standing = (place, count) =>
  place === undefined ? { className: "gone", text: `not among ${WHOSE} ${count}` } : { className: "kept", text: `${WHOSE} no. ${place + 1}` };

const places = (items) => new Map(items.map((item, place) => [item.event_id, place]));

function column(title, { items, recommendation_id }, mark) {
  const id = `column-${title.split(" ")[0].toLowerCase()}`;
  return el("section", { "aria-labelledby": id }, el("h2", { id, dir: "auto" }, title), el("ol", {}, ...items.slice(0, LENGTH).map((item, place) => entry(item, mark(item, place), { recommendation_id, position: item.position ?? place }))));
}

/** Switch beside the filters that lays the first list beside what is popular, and says what moved. */
export function comparison() {
  const filters = byId("filters");
  if (!filters) return;
  const input = el("input", { type: "checkbox", role: "switch", id: "compare" });
  filters.after(el("label", { class: "switch compare" }, input, el("span", {}, "Compare with most popular")));
  const root = el("div", { class: "comparison", hidden: true });
  byId("rows").before(root);
  let shown = null;
  const lay = guarded(async () => {
    byId("rows").hidden = input.checked;
    root.hidden = !input.checked;
    if (!input.checked || !shown) return;
    const wide = await popular({ limit: WIDE, ...shown.conditions });
    const [own, all] = [places(shown.list.items), places(wide.items)];
    const kept = wide.items.slice(0, LENGTH).filter((item) => own.get(item.event_id) < LENGTH).length;
    const count = shown.list.items.length;
    root.replaceChildren(
      el("p", { class: "verdict", role: "status" }, `${Math.min(LENGTH, count) - kept} of ${WHOSE} first ${Math.min(LENGTH, count)} are not among the ${LENGTH} most popular.`),
      el(
        "div",
        { class: "columns", tabindex: "0", role: "group", "aria-label": "Both lists" },
        column(account ? `For ${account.name}` : "For a visitor", shown.list, (item, place) => moved(place, all.get(item.event_id))),
        column("Most popular", wide, (item) => standing(own.get(item.event_id), count)),
      ),
    );
  });
  input.addEventListener("change", (event) => {
    event.stopPropagation(); // It is no filter.
    return lay();
  });
  document.addEventListener("shown", ({ detail }) => {
    shown = detail;
    return lay();
  });
}

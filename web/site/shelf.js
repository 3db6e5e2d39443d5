import { card } from "./card.js";
import { marquee } from "./session.js";

const STILL = matchMedia("(prefers-reduced-motion: reduce)");
const MOVE_MS = 320;

/**
 * Shows items in a list, each by its card. Cards that stay move to their new places, and the keyboard's focus stays:
 * on the same event, or at the same place in the list when the event has left it.
 *
 * Returns what changed for a list that showed something before: `{ fresh, gone, up, down }`, sets of event ids.
 */
export function show(list, { items, recommendation_id }) {
  const before = [...list.children];
  const focused = focusIn(list);
  const places = new Map(before.map((node) => [node.dataset.event, node.getBoundingClientRect()]));
  // What a page leaves out moves others up, and the client has said where the API gave them.
  const from = ({ position }) => ({ recommendation_id, position });
  list.replaceChildren(...items.map((item) => card(item, from(item))));
  watch(list, items, from);
  const changes = changesOf(before.map((node) => node.dataset.event), items.map((item) => item.event_id));
  if (before.length) mark(list, changes);
  if (focused) refocus(list, focused);
  if (before.length && !STILL.matches) for (const node of list.children) glide(node, places.get(node.dataset.event));
  return changes;
}

const watching = new WeakMap();

/** Has the client send an impression of each card that is seen. */
function watch(list, items, from) {
  for (const end of watching.get(list) ?? []) end();
  watching.set(list, items.map((item, place) => marquee.observe(list.children[place], item.event_id, from(item))));
}

function focusIn(list) {
  const node = document.activeElement?.closest(".card");
  if (!node || node.parentElement !== list) return null;
  const type = document.activeElement.dataset.type;
  return { eventId: node.dataset.event, position: [...list.children].indexOf(node), type };
}

function refocus(list, { eventId, position, type }) {
  const same = [...list.children].find((node) => node.dataset.event === eventId);
  const node = same ?? list.children[Math.min(position, list.children.length - 1)];
  const button = type && node?.querySelector(type.endsWith("save") ? "[data-type$=save]" : `[data-type="${type}"]`);
  (button ?? node?.querySelector("a") ?? document.getElementById("main")).focus({ preventScroll: true });
}

function changesOf(before, after) {
  // Those that stayed, in both orders: leaving and coming in alone move nobody.
  const [was, is] = [before.filter((id) => after.includes(id)), after.filter((id) => before.includes(id))];
  return {
    fresh: new Set(after.filter((id) => !before.includes(id))),
    gone: new Set(before.filter((id) => !after.includes(id))),
    up: new Set(is.filter((id, place) => place < was.indexOf(id))),
    down: new Set(is.filter((id, place) => place > was.indexOf(id))),
  };
}

function mark(list, { fresh, up }) {
  for (const node of list.children) {
    const text = fresh.has(node.dataset.event) ? "New here" : up.has(node.dataset.event) ? "Moved up" : "";
    if (text) node.querySelector(".poster").dataset.mark = text;
  }
}

function glide(node, place) {
  const now = node.getBoundingClientRect();
  const frames = place
    ? [{ transform: `translate(${place.x - now.x}px, ${place.y - now.y}px)` }, { transform: "none" }]
    : [{ opacity: 0, transform: "scale(.94)" }, { opacity: 1, transform: "none" }];
  node.animate(frames, { duration: MOVE_MS, easing: "cubic-bezier(.2, .8, .2, 1)" });
}

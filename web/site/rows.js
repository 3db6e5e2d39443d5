import { byId, el, prose } from "./dom.js";
import { show } from "./shelf.js";

/** Removes what a page shows and no row is about. */
export function dropOthers(root, rows) {
  const kept = new Set([...rows.map((row) => row.id), "empty"]);
  for (const old of [...root.children]) if (!kept.has(old.id)) old.remove();
}

/**
 * Lays a row out at its place below `root`: a heading and a list, a grid for `isGrid`. What is there already stays, so
 * that focus and scrolling do. Returns what changed, see `show`.
 */
export function layRow(root, { id, title, lead, list, isGrid }, place) {
  const section = byId(id) ?? made(id, isGrid);
  const others = [...root.children].filter((child) => child.id !== "empty");
  if (others[place] !== section) root.insertBefore(section, others[place] ?? null);
  section.firstChild.replaceChildren(lead ? el("small", {}, lead, " ") : "", prose("span", {}, title));
  section.classList.toggle("empty", !list.items.length);
  return show(section.lastChild, list);
}

function made(id, isGrid) {
  const named = `${id}-title`;
  return el(
    "section",
    { class: isGrid ? "own" : "row", id, "aria-labelledby": named },
    el("h2", { id: named }),
    el("ol", { class: isGrid ? "grid" : "shelf", tabindex: isGrid ? null : "0", "aria-labelledby": named }),
  );
}

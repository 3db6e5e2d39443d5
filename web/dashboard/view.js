import { byId, el } from "../site/dom.js";

/** Part of the page that holds what was loaded: says that it loads, what it lacks, or why it failed, and tries `again`. */
export async function filled(id, load, draw, again = () => filled(id, load, draw)) {
  const place = byId(id);
  place.setAttribute("aria-busy", "true");
  if (!place.childElementCount) place.replaceChildren(el("div", { class: "skeleton", "aria-hidden": "true" }), el("p", { class: "quietly" }, "Loading"));
  try {
    const found = await load();
    place.replaceChildren(...[draw(found)].flat().filter(Boolean));
  } catch (error) {
    if (error.status === 401 || error.status === 403) throw error;
    place.replaceChildren(
      el("div", { class: "blank failed-part", role: "alert" },
        el("p", {}, el("strong", {}, "This could not be loaded. "), error.message),
        el("button", { type: "button", onclick: () => again() }, "Try again")),
    );
  } finally {
    place.removeAttribute("aria-busy");
  }
}

/** Placeholder for something that there is none of yet, which says when there will be. */
export const blank = (title, text) => el("div", { class: "blank" }, el("p", {}, el("strong", {}, title)), text && el("p", { class: "quiet" }, text));

/** Table with a caption for screen readers; `columns` are `[heading, cell of a row, isNumber]`. */
export function grid(caption, columns, rows) {
  const kind = (isNumber) => (isNumber ? { class: "number" } : {});
  const content = (value) => (value instanceof Node ? value : String(value));
  return el(
    "div",
    { class: "scroll", tabindex: "0", role: "group", "aria-label": caption },
    el("table", {},
      el("caption", { class: "quietly" }, caption),
      el("thead", {}, el("tr", {}, ...columns.map(([heading, , isNumber]) => el("th", { scope: "col", ...kind(isNumber) }, heading)))),
      el("tbody", {}, ...rows.map((row) => el("tr", {}, ...columns.map(([, cell, isNumber], place) => el(place ? "td" : "th", { ...(place ? {} : { scope: "row" }), ...kind(isNumber) }, content(cell(row)))))))),
  );
}

/** Word in a coloured shape: "good", "bad", "mild" or "plain". */
export const mark = (text, tone = "plain") => el("span", { class: `badge ${tone}` }, text);

/** Choice of one of several: `options` are `[value, text]`. */
export function choice(label, options, value, onchange) {
  const select = el("select", { onchange: () => onchange(select.value) }, ...options.map(([name, text]) => el("option", { value: name, selected: name === value }, text)));
  return el("label", { class: "choice" }, el("span", { class: "quietly" }, label), select);
}

/** Asks before something that changes what users see; resolves to the form's data, null if it was called off. */
export function asked(title, text, confirm, ...fields) {
  const dialog = el(
    "dialog",
    { "aria-labelledby": "asked-title" },
    el("form", { method: "dialog" },
      el("h2", { id: "asked-title" }, title), el("p", {}, text), ...fields,
      el("div", { class: "buttons" }, el("button", { value: "" }, "Cancel"), el("button", { value: "confirm", class: "main" }, confirm))),
  );
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      const given = new FormData(dialog.querySelector("form"));
      dialog.remove();
      resolve(dialog.returnValue === "confirm" ? given : null);
    });
  });
}

/** Says to everybody what has happened, also to screen readers. */
export function say(text) {
  byId("spoken").textContent = text;
  const notice = byId("notice");
  notice.replaceChildren(el("p", {}, text), el("button", { type: "button", class: "bare", onclick: () => { notice.hidden = true; } }, "Close"));
  notice.hidden = false;
}

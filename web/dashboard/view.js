import { during, heldOpen, pressed } from "../site/busy.js";
import { byId, el } from "../site/dom.js";
import { explained } from "../site/failure.js";

/** Sentences on an error for admins, who get its technical reason as well. */
export function told(error) {
  const { text, mayPass } = explained(error);
  return mayPass && error.code ? `${text} (${error.message})` : error.message;
}

/** Whether an error says that this account, or nobody who is not signed in, may look. */
export const isOfAccount = ({ status, code }) => status === 401 || status === 403 || code === "token";

/**
 * Way back of the keyboard's focus, from where it is now: to the same control, or when that is gone, to the one of the
 * same name in its section, or to the section's table or heading.
 */
export function focusBack() {
  const origin = document.activeElement;
  const section = origin?.closest("section[id]");
  const nameOf = (node) => node.getAttribute("aria-label") ?? node.textContent;
  const name = origin && nameOf(origin);
  return () => {
    if (origin?.isConnected) return origin.focus({ preventScroll: true });
    if (!section?.isConnected || (document.activeElement && document.activeElement !== document.body)) return undefined;
    const same = [...section.querySelectorAll("button")].find((node) => nameOf(node) === name);
    const heading = section.querySelector("h2");
    heading.tabIndex = -1;
    return (same ?? section.querySelector(".scroll[tabindex]") ?? heading).focus({ preventScroll: true });
  };
}

/**
 * Part of the page that holds what was loaded: says that it loads, what it lacks, or why it failed, and tries `again`.
 * Returns the error where it failed, and throws one that says who may not look.
 */
export async function filled(id, load, draw, again = () => filled(id, load, draw)) {
  const place = byId(id);
  const back = place.contains(document.activeElement) ? focusBack() : null;
  place.setAttribute("aria-busy", "true");
  if (!place.childElementCount) place.replaceChildren(el("div", { class: "skeleton", "aria-hidden": "true" }), el("p", { class: "quietly" }, "Loading"));
  try {
    const found = await load();
    place.replaceChildren(...[draw(found)].flat().filter(Boolean));
    return null;
  } catch (error) {
    if (isOfAccount(error)) throw error;
    place.replaceChildren(
      el("div", { class: "blank failed-part", role: "alert" },
        el("p", {}, el("strong", {}, "This could not be loaded. "), told(error)),
        el("button", { type: "button", onclick: pressed("Trying again…", again) }, "Try again")),
    );
    return error;
  } finally {
    place.removeAttribute("aria-busy");
    back?.();
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

let fields = 0;

/** Id of a form field that no other has. */
const fieldId = () => `field-${++fields}`;

/** Field of a form: a control below its label. */
export function field(label, control, attributes = {}) {
  control.id ||= fieldId();
  return el("label", { class: "field", for: control.id, ...attributes }, el("span", {}, label), control);
}

/** Choice of one of several: `options` are `[value, text]`. */
export function choice(label, options, value, onchange) {
  const select = el("select", { id: fieldId(), onchange: () => onchange(select.value) }, ...options.map(([name, text]) => el("option", { value: name, selected: name === value }, text)));
  return el("label", { class: "choice", for: select.id }, el("span", { class: "quietly" }, label), select);
}

/** Switch of a form, on at first. */
export function toggle(name, label) {
  const control = el("input", { type: "checkbox", role: "switch", name, id: fieldId(), checked: true });
  return el("label", { class: "switch", for: control.id }, control, el("span", {}, label));
}

/**
 * Asks before something that changes what users see, and does it, `work(form)`: until that is over the dialog stays, and
 * where it fails, the dialog says why. Resolves to whether it was done. `confirm` and `doing` are the button's words.
 */
export function asked({ title, text, confirm, doing, parts = [] }, work) {
  const back = focusBack();
  const failed = el("p", { role: "alert", class: "failed" });
  const button = el("button", { class: "main" }, confirm);
  const form = el("form", {},
    el("h2", { id: "asked-title" }, title), el("p", {}, text), ...parts, failed,
    el("div", { class: "buttons" }, el("button", { type: "button", onclick: () => close() }, "Cancel"), button));
  const dialog = el("dialog", { "aria-labelledby": "asked-title" }, form);
  const close = heldOpen(dialog);
  let isDone = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    return during(button, doing, async () => {
      failed.textContent = "";
      try {
        await work(new FormData(form));
        isDone = true;
        dialog.close();
      } catch (error) {
        failed.textContent = `That did not work: ${told(error)}`;
      }
    });
  });
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      back();
      resolve(isDone);
    });
  });
}

/** Says to everybody what has happened, also to screen readers. */
export function say(text) {
  byId("spoken").textContent = text;
  const notice = byId("notice");
  notice.replaceChildren(el("p", {}, text), el("button", { type: "button", class: "bare", onclick: () => { notice.hidden = true; byId("main").focus({ preventScroll: true }); } }, "Close"));
  notice.hidden = false;
}

import { during } from "./busy.js";
import { byId, el, icon } from "./dom.js";
import { explained, noteFailure } from "./failure.js";

const button = (text, doing, work, attributes = {}) =>
  el("button", { type: "button", onclick: ({ currentTarget }) => during(currentTarget, doing, work), ...attributes }, text);

/**
 * Says something to everybody: in a notice that stays until it is closed or the next one comes, and by screen readers.
 * `undo` takes back what it says, `again` tries what it says to have failed; both stay in view until they are over.
 */
export function notify(text, { undo, again, detail } = {}) {
  const notice = byId("notice");
  const told = el("div", {}, el("p", { dir: "auto" }, text), detail && el("p", { class: "quiet", dir: "auto" }, detail));
  const hide = () => {
    const hadFocus = notice.contains(document.activeElement);
    notice.hidden = true;
    if (hadFocus) byId("main").focus({ preventScroll: true });
  };
  const ended = (work) => async () => {
    await work();
    if (told.isConnected) hide();
  };
  const parts = [
    told,
    undo && button("Undo", "Undoing…", ended(undo), { class: "undo" }),
    again && button("Try again", "Trying again…", ended(again), { class: "undo" }),
    el("button", { type: "button", class: "bare", "aria-label": "Close the message", onclick: hide }, icon("cross")),
  ];
  const hadFocus = notice.contains(document.activeElement);
  notice.replaceChildren(...parts.filter(Boolean));
  if (hadFocus) byId("main").focus({ preventScroll: true });
  notice.hidden = false;
  byId("spoken").textContent = detail ? `${text} ${detail}` : text;
}

/** Says why something failed, and offers to do it `again` where that may help. */
export function notifyFailed(error, again) {
  const { text, detail, mayPass } = explained(error);
  noteFailure(error);
  notify(text, { detail, again: mayPass && again });
}

/** Part of a page in place of what could not be loaded: what, why, and a button that tries again. */
export function failedPart(title, error, again) {
  const { text, detail } = explained(error);
  noteFailure(error);
  byId("spoken").textContent = `${title.textContent}. ${text} ${detail}`;
  return el("section", { class: "panel", id: "failure" }, title, el("p", {}, `${text} ${detail}`), button("Try again", "Trying again…", again, { class: "main" }));
}

/** Runs an action of a page; when it fails, the page says why, stays as it is, and offers to try again. */
export function guarded(action) {
  const run = async (...given) => {
    try {
      return await action(...given);
    } catch (error) {
      notifyFailed(error, () => run(...given));
      return undefined;
    }
  };
  return run;
}

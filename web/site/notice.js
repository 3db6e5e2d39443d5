import { byId, el, icon } from "./dom.js";

/** Says something to everybody: in a notice that stays until it is closed or the next one comes, and by screen readers. */
export function notify(text, { undo, detail } = {}) {
  const notice = byId("notice");
  const hide = () => {
    const hadFocus = notice.contains(document.activeElement);
    notice.hidden = true;
    if (hadFocus) byId("main").focus({ preventScroll: true });
  };
  const buttons = [
    undo && el("button", { type: "button", class: "undo", onclick: () => { hide(); undo(); } }, "Undo"),
    el("button", { type: "button", class: "bare", "aria-label": "Close the message", onclick: hide }, icon("cross")),
  ];
  notice.replaceChildren(
    el("div", {}, el("p", { dir: "auto" }, text), detail && el("p", { class: "quiet", dir: "auto" }, detail)),
    ...buttons.filter(Boolean),
  );
  notice.hidden = false;
  byId("spoken").textContent = detail ? `${text} ${detail}` : text;
}

/** Runs an action of a page; when it fails, the page says why and stays as it is. */
export function guarded(action) {
  return async (...given) => {
    try {
      return await action(...given);
    } catch (error) {
      notify("That did not work.", { detail: error.message });
    }
  };
}

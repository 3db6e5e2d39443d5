import { byId } from "./dom.js";

/** Whether something that a control began is not over yet. */
export const isBusy = (control) => control.getAttribute("aria-busy") === "true";

/**
 * Runs what a control does, `work`. Until that is over, the control says so, in place of its words by `text`, and takes no
 * second press. It keeps the focus, which a disabled one would lose.
 */
export async function during(control, text, work) {
  if (isBusy(control)) return undefined;
  const words = [...control.childNodes];
  const isWorded = text && control.textContent.trim();
  control.setAttribute("aria-busy", "true");
  control.setAttribute("aria-disabled", "true");
  if (isWorded) control.replaceChildren(text);
  byId("spoken").textContent = text;
  try {
    return await work();
  } finally {
    control.removeAttribute("aria-busy");
    control.removeAttribute("aria-disabled");
    if (isWorded && control.textContent === text) control.replaceChildren(...words);
  }
}

/** Listener of a button that does something which takes its time, see `during`. */
export const pressed = (text, work) => ({ currentTarget }) => during(currentTarget, text, work);

/**
 * Keeps a dialog open while something in it is under way, so that nobody takes for undone what is done after all. Returns
 * what closes it at other times.
 */
export function heldOpen(dialog) {
  const isWorking = () => dialog.querySelector("[aria-busy=true]") !== null;
  const hold = (event) => isWorking() && event.preventDefault();
  for (const way of ["cancel", "submit"]) dialog.addEventListener(way, hold);
  // A second Esc in a row closes a dialog whatever a page says to `cancel`.
  dialog.addEventListener("keydown", (event) => event.key === "Escape" && hold(event));
  return () => isWorking() || dialog.close();
}

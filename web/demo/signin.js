import { lookAs } from "../backend.js";
import { el } from "../site/dom.js";

/** Dialog of the demo's sign-in, which asks for a name and no password; resolves to the new account or null. */
export function openSignIn() {
  const name = el("input", { name: "name", class: "text", required: true, maxlength: "40", autocomplete: "given-name" });
  const dialog = el(
    "dialog",
    { class: "chooser", "aria-labelledby": "enter-title" },
    el(
      "form",
      { method: "dialog" },
      el("h2", { id: "enter-title" }, "Sign in"),
      el("p", { class: "quiet" }, "The demo asks for no password: it makes an account for your name. What you did as a visitor will be yours."),
      el("label", { class: "field" }, el("span", {}, "Your name"), name),
      el("div", { class: "buttons" }, el("button", { type: "button", onclick: () => dialog.close() }, "Not now"), el("button", { value: "enter", class: "main" }, "Sign in")),
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (dialog.returnValue !== "enter") return resolve(null);
      const user = { userId: `you_${crypto.randomUUID().slice(0, 8)}`, name: name.value.trim() || "you" };
      lookAs(user);
      return resolve({ ...user, isNew: true });
    });
  });
}

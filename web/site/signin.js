import { createUserWithEmailAndPassword, signInWithEmailAndPassword } from "../vendor/firebase-auth.js";
import { during, heldOpen, isBusy } from "./busy.js";
import { el } from "./dom.js";
import { explainIn } from "./failure.js";

const REASONS = {
  "auth/invalid-credential": "This e-mail address and password do not belong together.",
  "auth/user-not-found": "Nobody has signed up with this e-mail address.",
  "auth/wrong-password": "This e-mail address and password do not belong together.",
  "auth/email-already-in-use": "Somebody has signed up with this e-mail address. Sign in instead.",
  "auth/weak-password": "The password needs six characters or more.",
  "auth/invalid-email": "This is no e-mail address.",
};

/** Dialog to sign in or up with an e-mail address and a password. Resolves to the user of Firebase, or null. */
export function openSignIn(auth) {
  const input = (attributes) => el("input", { required: true, class: "text", ...attributes });
  const email = input({ type: "email", name: "email", autocomplete: "email" });
  const password = input({ type: "password", name: "password", autocomplete: "current-password", minlength: "6" });
  const failed = el("p", { role: "alert", class: "failed" });
  const form = el(
    "form",
    {},
    el("h2", { id: "enter-title" }, "Sign in"),
    el("p", { class: "quiet" }, "What you did as a visitor will be yours."),
    el("label", { class: "field" }, el("span", {}, "E-mail address"), email),
    el("label", { class: "field" }, el("span", {}, "Password"), password),
    failed,
    el(
      "div",
      { class: "buttons" },
      el("button", { type: "button", onclick: () => close() }, "Not now"),
      el("button", { value: "in", class: "main" }, "Sign in"), // The first of its kind is that of the Enter key.
      el("button", { value: "up" }, "Sign up"),
    ),
  );
  const dialog = el("dialog", { "aria-labelledby": "enter-title" }, form);
  const close = heldOpen(dialog);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    let entered = null;
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(entered);
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const isNew = event.submitter?.value === "up";
      if (![...form.querySelectorAll("button")].some(isBusy)) return during(event.submitter, isNew ? "Signing up…" : "Signing in…", () => enter(isNew));
      return undefined;
    });

    async function enter(isNew) {
      failed.textContent = "";
      try {
        const ask = isNew ? createUserWithEmailAndPassword : signInWithEmailAndPassword;
        const { user } = await ask(auth, email.value, password.value);
        entered = { uid: user.uid, email: user.email, displayName: user.displayName, isNew };
        dialog.close();
      } catch (error) {
        if (REASONS[error.code]) failed.textContent = REASONS[error.code];
        else explainIn(failed, error);
      }
    }
  });
}

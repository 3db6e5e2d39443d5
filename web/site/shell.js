import * as backend from "../backend.js";
import { pressed } from "./busy.js";
import { byId, el, icon } from "./dom.js";
import { noteFailure } from "./failure.js";
import { openInterests } from "./interests.js";
import { guarded, notify, notifyFailed } from "./notice.js";
import { account, choices, leftToSay, marquee, signIn, signOut } from "./session.js";
import { sentence } from "./wording.js";

/** The demo's own part of the page, once it is there; a deployment has none. The page does not wait for it. */
export const decorated = backend.decorate?.(marquee).catch(noteFailure);

const NONE = { interests: [], place: null };

/** Frame of every page: who is signed in, and what they chose. Returns what they chose. */
export async function frame() {
  let failure = null;
  const chosen = await choices().catch((error) => {
    failure = error;
    return NONE;
  });
  const place = sentence(chosen.place?.name ?? "anywhere");
  byId("interests").replaceWith(
    el(
      "button",
      { type: "button", class: "bare wide", id: "interests", onclick: pressed("", openInterests) },
      icon("place"), el("span", {}, el("span", { class: "quietly" }, "Interests and place: "), place),
    ),
  );
  byId("enter").replaceWith(
    account
      ? el("button", { type: "button", class: "bare wide", id: "leave", onclick: pressed("Signing out…", guarded(signOut)), "aria-label": `Sign out ${account.name}` }, "Sign out")
      : el("button", { type: "button", class: "main", id: "enter", onclick: pressed("Signing in…", guarded(() => signIn())) }, "Sign in"),
  );
  byId("end").append(el("p", {}, "Lists by Marquee. No list holds an event that is over, cancelled or sold out."), el("a", { href: "/api/v1/docs" }, "The API"));
  const left = leftToSay();
  if (left) notify(left.text, { detail: left.detail });
  else if (failure) notifyFailed(failure, () => location.reload());
  return chosen;
}

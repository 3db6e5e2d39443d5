import * as backend from "../backend.js";
import { byId, el, icon } from "./dom.js";
import { openInterests } from "./interests.js";
import { guarded, notify } from "./notice.js";
import { LEFT_TO_SAY, account, choices, signIn, signOut } from "./session.js";
import { TAB, keep, kept } from "./storage.js";
import { sentence } from "./wording.js";

/** Frame of every page: who is signed in, and what they chose. Returns what they chose. */
export async function frame() {
  const chosen = await choices();
  const place = sentence(chosen.place?.name ?? "anywhere");
  byId("nav").append(
    el(
      "button",
      { type: "button", class: "bare wide", id: "interests", onclick: () => openInterests(chosen) },
      icon("place"), el("span", {}, el("span", { class: "quietly" }, "Interests and place: "), place),
    ),
    account
      ? el("button", { type: "button", class: "bare wide", id: "leave", onclick: guarded(signOut), "aria-label": `Sign out ${account.name}` }, "Sign out")
      : el("button", { type: "button", class: "main", id: "enter", onclick: guarded(() => signIn()) }, "Sign in"),
  );
  byId("end").append(el("p", {}, "Lists by Marquee. No list holds an event that is over, cancelled or sold out."), el("a", { href: "/api/v1/docs" }, "The API"));
  const saying = kept(LEFT_TO_SAY, null, TAB);
  keep(LEFT_TO_SAY, null, TAB);
  if (saying) notify(saying);
  await backend.decorate?.();
  return chosen;
}

import { lookAs } from "../backend.js";
import { el, prose } from "../site/dom.js";
import { fetched } from "../site/fetched.js";
import { guarded } from "../site/notice.js";
import { account, leave, marquee } from "../site/session.js";
import { forgetStates } from "../site/states.js";
import { TAB, keep, kept } from "../site/storage.js";
import { sentence } from "../site/wording.js";

const VERBS = { booking: "booked", attend: "went to", save: "saved", rating: "rated", click: "looked at", view: "looked at" };
/** Name under which the page before this one notes that the keyboard was on the personas. */
const CHANGED = "marquee.demo.changed";
const LINES = 2;
const NOBODY = "";
const VISITOR = { user_id: NOBODY, name: "A visitor", preferred_categories: [], actions: [] };

/** Last things that somebody did, a line each. */
function told({ actions }) {
  const lines = new Set(actions.map(({ type, title }) => sentence(`${VERBS[type] ?? type} ${title}`)));
  return lines.size ? [...lines].slice(0, LINES) : ["Has done nothing yet"];
}

function persona(user, number) {
  const likes = user.preferred_categories.slice(0, 2).join(", ");
  const isChosen = user.user_id === (account?.userId ?? "");
  return el(
    "label",
    { class: "persona" },
    el("input", { type: "radio", name: "persona", value: user.user_id, checked: isChosen }),
    el(
      "span",
      { class: "who" },
      el("span", { class: "face", "data-hue": String(number % 8), "aria-hidden": "true" }, [...user.name][0].toLocaleUpperCase()),
      el("span", {}, prose("b", {}, user.name), prose("span", { class: "likes" }, likes || (user.user_id ? "named no interests" : "not signed in"))),
      el("span", { class: "last" }, ...told(user).map((text) => prose("span", {}, text))),
    ),
  );
}

/** Row of personas on top of the page: choosing one shows the site as they see it. */
export const personas = guarded(async () => {
  const root = el("section", { class: "stage", "aria-labelledby": "stage-title" });
  document.querySelector(".top").before(root);
  const users = await (await fetched("/demo/personas")).json();
  const others = account && !users.some((user) => user.user_id === account.userId)
    ? [{ user_id: account.userId, name: account.name, preferred_categories: [], actions: [] }]
    : [];
  const all = [VISITOR, ...others, ...users];
  const form = el(
    "form",
    { class: "cast" },
    el("fieldset", {}, el("legend", { id: "stage-title" }, "See what is on as somebody else"), el("div", { class: "cards" }, ...all.map(persona))),
  );
  form.addEventListener("change", guarded(async () => {
    const user = all.find(({ user_id }) => user_id === form.elements.persona.value);
    form.setAttribute("aria-busy", "true");
    await leave();
    // What a visitor did is not the persona's.
    marquee.reset();
    forgetStates(NOBODY);
    lookAs(user.user_id ? { userId: user.user_id, name: user.name } : null);
    keep(CHANGED, true, TAB);
    location.reload();
  }));
  root.append(form);
  const chosen = form.querySelector(":checked");
  const cards = form.querySelector(".cards");
  if (account) cards.scrollLeft = chosen.closest(".persona").offsetLeft - cards.clientWidth / 3;
  if (kept(CHANGED, false, TAB)) chosen.focus({ preventScroll: true });
  keep(CHANGED, null, TAB);
});

import * as backend from "../backend.js";
import { during } from "./busy.js";
import { el } from "./dom.js";
import { explainIn } from "./failure.js";
import { guarded } from "./notice.js";
import { choices, choose, popular } from "./session.js";

const ANYWHERE = "";
const HERE = "here";
/** As long as a call of the API: without a limit a browser may look for a place for ever. */
const LOCATING_MS = 10_000;

/** Categories of the events to come, the most popular first. */
export async function categories() {
  const { items } = await popular({ limit: 100, fields: "category", explain: false });
  return [...new Set(items.map((item) => item.category).filter(Boolean))];
}

/** Dialog in which somebody chooses interests and a place; the page then shows other lists. */
export const openInterests = guarded(async () => {
  const [{ interests, place }, names, places] = await Promise.all([choices(), categories(), backend.places()]);
  const all = [...new Set([...interests, ...names])];
  const dialog = el("dialog", { class: "chooser", "aria-labelledby": "chooser-title" });
  const options = [
    el("option", { value: ANYWHERE }, "Anywhere"),
    ...(places.length ? [] : [el("option", { value: HERE, selected: place?.name === HERE }, "Where I am now")]),
    ...places.map((known) => el("option", { value: known.name, selected: known.name === place?.name }, known.name)),
  ];
  if (place && place.name !== HERE && !places.some((known) => known.name === place.name)) {
    options.push(el("option", { value: place.name, selected: true }, place.name));
  }
  const failed = el("p", { role: "alert", class: "failed" });
  const confirm = el("button", { class: "main" }, "Show me");
  const form = el(
    "form",
    {},
    el("h2", { id: "chooser-title" }, "What do you like?"),
    el("p", { class: "quiet" }, "Choose some. Your lists change at once, and go on learning from what you do."),
    all.length > 0 && el(
      "fieldset",
      { class: "interests" },
      el("legend", { class: "quietly" }, "Interests"),
      ...all.map((name) =>
        el("label", { class: "chip" }, el("input", { type: "checkbox", name: "interest", value: name, checked: interests.includes(name) }), el("span", { dir: "auto" }, name))),
    ),
    el("label", { class: "choice" }, el("span", {}, "Near"), el("select", { name: "place" }, ...options)),
    failed,
    el("div", { class: "buttons" }, el("button", { type: "button", onclick: () => dialog.close() }, "Not now"), confirm),
  );
  dialog.append(form);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    return during(confirm, "Choosing…", store);
  });
  dialog.addEventListener("close", () => {
    dialog.remove();
    document.getElementById("interests")?.focus();
  });
  document.body.append(dialog);
  dialog.showModal();

  /** Stores what the form says; where that fails, the dialog stays and says why. */
  async function store() {
    const given = new FormData(form);
    const name = given.get("place");
    const found = places.find((known) => known.name === name) ?? (name === place?.name ? place : null);
    try {
      const chosen = { interests: given.getAll("interest"), place: name === HERE ? await here() : found };
      // The browser may have asked for the place, and got an answer, after somebody had left.
      if (!dialog.open) return;
      await choose(chosen);
      dialog.close();
      document.dispatchEvent(new CustomEvent("chosen", { detail: chosen }));
    } catch (error) {
      explainIn(failed, error);
    }
  }
});

async function here() {
  const { coords } = await new Promise((resolve, reject) => navigator.geolocation.getCurrentPosition(resolve, reject, { timeout: LOCATING_MS }));
  // Two digits, about a kilometre: enough for lists, and not where somebody lives.
  return { name: HERE, lat: Number(coords.latitude.toFixed(2)), lng: Number(coords.longitude.toFixed(2)) };
}

import * as backend from "../backend.js";
import { el } from "./dom.js";
import { guarded } from "./notice.js";
import { choose, marquee } from "./session.js";

const ANYWHERE = "";
const HERE = "here";

/** Categories of the events to come, the most popular first. */
export async function categories() {
  const { items } = await marquee.popular({ limit: 100, fields: ["category"], explain: false });
  return [...new Set(items.map((item) => item.category).filter(Boolean))];
}

/** Dialog in which somebody chooses interests and a place; the page then shows other lists. */
export const openInterests = guarded(async ({ interests, place }) => {
  const [names, places] = await Promise.all([categories(), backend.places()]);
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
  const form = el(
    "form",
    { method: "dialog" },
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
    el("div", { class: "buttons" }, el("button", { type: "button", onclick: () => dialog.close() }, "Not now"), el("button", { value: "save", class: "main" }, "Show me")),
  );
  dialog.append(form);
  dialog.addEventListener("close", guarded(async () => {
    dialog.remove();
    document.getElementById("interests")?.focus();
    if (dialog.returnValue !== "save") return;
    const given = new FormData(form);
    const name = given.get("place");
    const found = places.find((known) => known.name === name) ?? (name === place?.name ? place : null);
    const chosen = { interests: given.getAll("interest"), place: name === HERE ? await here() : found };
    await choose(chosen);
    document.dispatchEvent(new CustomEvent("chosen", { detail: chosen }));
  }));
  document.body.append(dialog);
  dialog.showModal();
});

async function here() {
  const { coords } = await new Promise((resolve, reject) => navigator.geolocation.getCurrentPosition(resolve, reject));
  // Two digits, about a kilometre: enough for lists, and not where somebody lives.
  return { name: HERE, lat: Number(coords.latitude.toFixed(2)), lng: Number(coords.longitude.toFixed(2)) };
}

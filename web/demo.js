import { Marquee } from "./marquee.js";

const marquee = new Marquee();
const byId = (id) => document.getElementById(id);
const format = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "short" });
const verbs = { booking: "Booked", click: "Looked at", dismiss: "Dismissed" };
let before = [];

async function show(message = "") {
  const userId = byId("user").value.trim();
  const answer = await marquee.recommendations({ userId, limit: 10 });
  const rows = answer.items.map((item, position) => row(item, position, userId, answer.recommendation_id));
  byId("list").replaceChildren(...rows);
  byId("model").textContent = answer.model_version ? `model ${answer.model_version}` : "no model yet: popular events";
  const ids = answer.items.map((item) => item.event_id);
  const fresh = before.length ? ids.filter((id) => !before.includes(id)).length : 0;
  before = ids;
  const change = message && `The list has ${fresh} new ${fresh === 1 ? "event" : "events"}.`;
  const empty = ids.length ? "" : "There are no events to come.";
  const degraded = answer.degraded.length ? `Answered without: ${answer.degraded.join(", ")}.` : "";
  byId("message").textContent = [message, change, empty, degraded].filter(Boolean).join(" ");
}

function row(item, position, userId, recommendationId) {
  const node = byId("item").content.cloneNode(true);
  const li = node.querySelector("li");
  li.dataset.event = item.event_id;
  li.dataset.source = item.source;
  node.querySelector("h2").textContent = item.title;
  node.querySelector(".when").textContent = item.starts_at ? format.format(new Date(item.starts_at)) : "date to be announced";
  for (const reason of item.reasons) {
    const entry = document.createElement("li");
    entry.textContent = reason;
    node.querySelector(".reasons").append(entry);
  }
  for (const button of node.querySelectorAll("button")) {
    button.disabled = !userId;
    button.title = userId ? "" : "Pick a user first";
    button.addEventListener("click", guarded(async () => {
      const type = button.dataset.type;
      const entry = { type, event_id: item.event_id, recommendation_id: recommendationId, position };
      await marquee.record([entry], { userId });
      await show(`${verbs[type]} ${item.title}.`);
    }));
  }
  return node;
}

function guarded(action) {
  return async (event) => {
    event?.preventDefault();
    try {
      await action();
    } catch (error) {
      byId("message").textContent = error.message;
    }
  };
}

async function suggestUsers() {
  const response = await fetch("/demo/users");
  if (!response.ok) return; // Only the local demo lists users.
  for (const user of await response.json()) {
    const option = document.createElement("option");
    option.value = user;
    byId("users").append(option);
  }
}

byId("who").addEventListener("submit", guarded(async () => {
  before = [];
  await show();
}));
await guarded(suggestUsers)();
await guarded(show)();

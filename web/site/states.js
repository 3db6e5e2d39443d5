import { keep, kept } from "./storage.js";

// What this browser knows of somebody's events: the lists do not tell, and the export of all data is too much for each page.
const UNDONE = { cancel: "booking", unsave: "save", undismiss: "dismiss" };
const MAX_KNOWN = 500;
const VISITOR = "";
let [owner, states] = [VISITOR, {}];

const nameOf = (userId) => `marquee.states.${userId}`;
const of = (type) => (Array.isArray(states[type]) ? states[type] : []);

function put(type, eventIds) {
  states[type] = eventIds.slice(-MAX_KNOWN);
  keep(nameOf(owner), states);
}

/** Opens what is known of a user, "" for a visitor. */
export function openStates(userId) {
  [owner, states] = [userId, kept(nameOf(userId), {})];
}

/** Makes what is known of the visitor known of the user whom they sign in as, and opens that. */
export function joinStates(userId) {
  const visitors = kept(nameOf(VISITOR), {});
  openStates(userId);
  for (const [type, eventIds] of Object.entries(visitors)) {
    if (Array.isArray(eventIds)) put(type, [...new Set([...of(type), ...eventIds])]);
  }
  forgetStates(VISITOR);
}

/** Whether a state of an event, "save", "booking" or "dismiss", is known. */
export const isKnown = (type, eventId) => of(type).includes(eventId);

/** Notes what somebody did with an event. */
export function noted(type, eventId) {
  const state = UNDONE[type] ?? type;
  const others = of(state).filter((id) => id !== eventId);
  put(state, UNDONE[type] ? others : [...others, eventId]);
}

/** Forgets all that this browser knows of the events of a user, "" for a visitor. */
export const forgetStates = (userId = owner) => keep(nameOf(userId), null);

/** Takes over which events are in a state, as the user's data says. */
export const learn = put;

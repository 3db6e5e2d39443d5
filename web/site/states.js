import { userId } from "./session.js";
import { keep, kept } from "./storage.js";

// What this browser knows of a user's events: the lists do not tell, and the export of all data is too much for each page.
const NAME = `marquee.states.${userId}`;
const UNDONE = { cancel: "booking", unsave: "save", undismiss: "dismiss" };
const MAX_KNOWN = 500;
const states = kept(NAME, {});

const of = (type) => (states[type] ??= []);

/** Whether a state of an event, "save", "booking" or "dismiss", is known. */
export const isKnown = (type, eventId) => of(type).includes(eventId);

/** Notes what somebody did with an event. */
export function noted(type, eventId) {
  const state = UNDONE[type] ?? type;
  const others = of(state).filter((id) => id !== eventId);
  states[state] = UNDONE[type] ? others : [...others, eventId].slice(-MAX_KNOWN);
  keep(NAME, states);
}

/** Forgets all that this browser knows of the user's events. */
export const forgetStates = () => keep(NAME, null);

/** Takes over which events are in a state, as the user's data says. */
export function learn(type, eventIds) {
  states[type] = eventIds;
  keep(NAME, states);
}

import { deliver } from "./delivery.js";
import { guarded } from "./notice.js";
import { marquee, signIn, userId } from "./session.js";
import { noted } from "./states.js";

/** Interaction types that take back others. */
export const UNDOING = { booking: "cancel", save: "unsave", dismiss: "undismiss", cancel: "booking", unsave: "save", undismiss: "dismiss" };

/** Words of a button while it does something of a type. */
export const DOING = {
  booking: "Booking…", cancel: "Cancelling…", save: "Saving…", unsave: "Removing…", dismiss: "Taking it out…", undismiss: "Bringing it back…",
};

const SAID = {
  booking: "Booked", cancel: "No longer booked:", save: "Saved", unsave: "No longer saved:",
  dismiss: "Not interested in", undismiss: "Back again:",
};

/** Sentence about what was done with an event. */
export const said = (type, title) => `${SAID[type]} ${title}.`;

const underWay = new Set();
let follow = async () => {};

/**
 * Has a page follow what somebody does: `{ type, item, from, kept }`, where `kept` is a sentence on why it is not stored
 * yet, or null. The button that did it is busy until the page has followed.
 */
export function whenActed(listener) {
  follow = listener;
}

/**
 * Sends what somebody does with an event of a list, the same once at a time, then tells the page. `item` is a card;
 * `from` has the list's `recommendation_id` and the item's `position` there. A visitor who books signs in first. Without
 * a connection the client keeps it. What the API refuses is not told.
 */
export const act = guarded(async (type, item, from = {}) => {
  const { event_id: eventId, title } = item;
  const key = `${type} ${eventId}`;
  if (underWay.has(key)) return;
  underWay.add(key);
  try {
    if (type === "booking" && !userId) {
      await signIn({ type, eventId, from, saying: said(type, title) });
      return;
    }
    const kept = await deliver(marquee, type, eventId, from);
    noted(type, eventId);
    await follow({ type, item, from, kept });
  } finally {
    underWay.delete(key);
  }
});

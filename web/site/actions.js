import { guarded } from "./notice.js";
import { acting, looked, marquee, overlooked, signIn, userId } from "./session.js";
import { noted } from "./states.js";

/** Interaction types that take back others. */
export const UNDOING = { booking: "cancel", save: "unsave", dismiss: "undismiss", cancel: "booking", unsave: "save", undismiss: "dismiss" };

const SAID = {
  booking: "Booked", cancel: "No longer booked:", save: "Saved", unsave: "No longer saved:",
  dismiss: "Not interested in", undismiss: "Back again:",
};

/** Sentence about what was done with an event. */
export const said = (type, title) => `${SAID[type]} ${title}.`;

/**
 * Stores what somebody does with an event of a list, then tells the page by the event `acted` of the document.
 * `item` is a card; `from` has the list's `recommendation_id` and the item's `position` there. A visitor who books
 * signs in first.
 */
export const act = guarded(async (type, item, from = {}) => {
  const entry = { type, event_id: item.event_id, ...from };
  if (type === "booking" && !userId) {
    await signIn(entry, said(type, item.title));
    return;
  }
  await marquee.record([entry], acting);
  if (type === "booking" || type === "save") looked(item.event_id);
  if (type === "cancel" || type === "unsave") overlooked(item.event_id);
  noted(type, item.event_id);
  document.dispatchEvent(new CustomEvent("acted", { detail: { type, item, from } }));
});

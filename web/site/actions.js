import { guarded } from "./notice.js";
import { marquee, signIn, userId } from "./session.js";
import { noted } from "./states.js";

/** Interaction types that take back others. */
export const UNDOING = { booking: "cancel", save: "unsave", dismiss: "undismiss", cancel: "booking", unsave: "save", undismiss: "dismiss" };

const SAID = {
  booking: "Booked", cancel: "No longer booked:", save: "Saved", unsave: "No longer saved:",
  dismiss: "Not interested in", undismiss: "Back again:",
};

/** Sentence about what waits for a connection. */
export const KEPT = "There is no connection. It is kept here, and sent later.";

/** Sentence about what was done with an event. */
export const said = (type, title) => `${SAID[type]} ${title}.`;

/**
 * Sends what somebody does with an event of a list, then tells the page by the event `acted` of the document.
 * `item` is a card; `from` has the list's `recommendation_id` and the item's `position` there. A visitor who books
 * signs in first. Without a connection the client keeps it, and `isWaiting` says so. What the API
 * refuses is not told.
 */
export const act = guarded(async (type, item, from = {}) => {
  if (type === "booking" && !userId) {
    await signIn({ type, event_id: item.event_id, ...from }, said(type, item.title));
    return;
  }
  let refused;
  const stop = marquee.on("rejected", ({ interaction, reason }) => {
    if (interaction.type === type && interaction.event_id === item.event_id) refused = reason;
  });
  marquee.track(type, item.event_id, from);
  const { sent, waiting } = await marquee.flush();
  stop();
  if (refused) throw new Error(refused);
  noted(type, item.event_id);
  document.dispatchEvent(new CustomEvent("acted", { detail: { type, item, from, isWaiting: waiting > 0 && !sent } }));
});

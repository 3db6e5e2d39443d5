// Failures in the words of a visitor: what happened, and what to do. Technical reasons go to the event `failed` of the
// document; a deployed page shows them nowhere.
const CONNECTION = { text: "There is no connection.", detail: "Look whether you are online, then try again.", mayPass: true };
const OUTAGE = { text: "The service does not answer at the moment.", detail: "It is not your fault. Try again in a moment.", mayPass: true };
const SESSION = { text: "You are no longer signed in.", detail: "Sign in again, then try once more.", mayPass: true };
const BY_CODE = {
  network: CONNECTION, "auth/network-request-failed": CONNECTION,
  timeout: OUTAGE, unavailable: OUTAGE, unreadable: OUTAGE,
  too_many: { text: "That was much at once.", detail: "Try again in a minute.", mayPass: true },
  token: SESSION, unauthenticated: SESSION,
  forbidden: { text: "This account may not do that.", detail: "Sign in with another one.", mayPass: false },
};
const REFUSED = { text: "That could not be done.", detail: "It was refused, so nothing has changed.", mayPass: false };
const UNKNOWN = { text: "That did not work.", detail: "Try again. If it fails once more, load the page anew.", mayPass: true };
const PLACE = { text: "Your browser does not say where you are.", detail: "Allow this page to know your location, or choose “Anywhere”.", mayPass: false };

/** Sentences on an error, `{ text, detail, mayPass }`; where it may pass, trying again can help. */
export function explained(error) {
  if (BY_CODE[error?.code]) return BY_CODE[error.code];
  if (globalThis.GeolocationPositionError && error instanceof GeolocationPositionError) return PLACE;
  if (error?.status >= 500) return OUTAGE;
  return error?.name === "MarqueeError" ? REFUSED : UNKNOWN;
}

/** Says in an element why something failed. */
export function explainIn(node, error) {
  const { text, detail } = explained(error);
  noteFailure(error);
  node.textContent = `${text} ${detail}`;
}

/** Sentence on why something that was done is not stored yet. */
export const waiting = (error) => `${explained(error).text} It is kept here, and sent later.`;

/** Tells of the technical reason of a failure that the page has explained. */
export const noteFailure = (error) => document.dispatchEvent(new CustomEvent("failed", { detail: error }));

import { Marquee } from "../marquee.js";
import * as backend from "../backend.js";
import { keep, kept } from "./storage.js";

const MAX_RECENT = 20;

/** Account of who is signed in, `{ userId, name }`, or null for a visitor. */
export const account = await backend.account();

const visitor = kept("marquee.visitor", null) ?? { id: crypto.randomUUID(), interests: [], place: null, recent: [] };
keep("marquee.visitor", visitor);

export const marquee = new Marquee({ idToken: backend.idToken, anonymousId: visitor.id });

/** Id of the user whom lists are for, "" for a visitor. */
export const userId = account?.userId ?? "";

/** Options of a request that acts for whoever looks: the user, or the visitor as whom the client knows them. */
export const acting = account ? { userId } : {};

/** What somebody chose: `interests`, which are categories, and `place`, `{ name, lat, lng }` or null. */
export async function choices() {
  if (!account) return { interests: visitor.interests, place: visitor.place };
  const { preferred_categories: interests = [], location } = await backend.profile(userId);
  const named = kept(`marquee.place.${userId}`, null);
  return { interests, place: location ? { name: nearest(location, named), ...location } : null };
}

function nearest(location, named) {
  return named && named.lat === location.lat && named.lng === location.lng ? named.name : "home";
}

/** Stores what somebody chose: with their profile, or in the browser of a visitor. */
export async function choose({ interests, place }) {
  if (!account) {
    Object.assign(visitor, { interests, place });
    keep("marquee.visitor", visitor);
    return;
  }
  keep(`marquee.place.${userId}`, place);
  await backend.saveProfile(userId, profileOf({ interests, place }));
}

const profileOf = ({ interests, place }) => ({
  preferred_categories: interests,
  location: place ? { lat: place.lat, lng: place.lng } : null,
});

/** What makes a visitor's list personal: the events they looked at in this browser, newest first. */
export const recent = () => (account ? [] : visitor.recent);

/** Notes that a visitor looked at an event. */
export function looked(eventId) {
  if (account) return;
  visitor.recent = [eventId, ...visitor.recent.filter((id) => id !== eventId)].slice(0, MAX_RECENT);
  keep("marquee.visitor", visitor);
}

/** Takes back that a visitor looked at an event. */
export function overlooked(eventId) {
  visitor.recent = visitor.recent.filter((id) => id !== eventId);
  keep("marquee.visitor", visitor);
}

/** Name under which a page leaves what the next one says first. */
export const LEFT_TO_SAY = "marquee.say";

/**
 * Signs somebody in; what the visitor did and chose is theirs from then on. With `entry`, that is what they sign in for:
 * it is stored, and `saying` said. Reloads the page.
 */
export async function signIn(entry, saying) {
  const entered = await backend.signIn();
  if (!entered) return;
  if (visitor.recent.length) {
    const last = { type: "click", event_id: visitor.recent[0] };
    await marquee.record([last], { userId: entered.userId, join: true });
  }
  if (entered.isNew && (visitor.interests.length || visitor.place)) {
    await backend.saveProfile(entered.userId, profileOf(visitor));
    keep(`marquee.place.${entered.userId}`, visitor.place);
  }
  if (entry) {
    await marquee.record([entry], { userId: entered.userId });
    sessionStorage.setItem(LEFT_TO_SAY, saying);
  }
  keep("marquee.visitor", null);
  location.reload();
}

/** Signs out, as a visitor of whom nothing is known. Reloads the page. */
export async function signOut() {
  await backend.signOut();
  keep("marquee.visitor", null);
  location.reload();
}

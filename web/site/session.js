import { Marquee } from "../marquee.js";
import * as backend from "../backend.js";
import { TAB, keep, kept } from "./storage.js";

/** Account of who is signed in, `{ userId, name }`, or null for a visitor. */
export let account = await backend.account();

/** Id of the user whom this page is for, "" for a visitor. */
export const userId = account?.userId ?? "";

const CHOICES = "marquee.choices";
const LAST_LIST = `marquee.last.${userId}`;
const PLACE = `marquee.place.${userId}`;
const visitor = kept(CHOICES, null) ?? { interests: [], place: null };

/** Client of the API, for whoever looks; where the API is out of reach, the first list is the one that was shown last. */
export const marquee = new Marquee({
  userId: () => account?.userId,
  idToken: backend.idToken,
  fallback: (name, { when }) => (name === "recommendations" && !when ? kept(LAST_LIST, null) : null),
});

/** Keeps the first list for times without a connection. */
export const keepList = ({ items, fallback }) => fallback || keep(LAST_LIST, items);

/** Choices of somebody: `interests`, which are categories, and `place`, `{ name, lat, lng }` or null. */
export async function choices() {
  if (!account) return visitor;
  const { preferred_categories: interests = [], location } = await backend.profile(userId);
  const named = kept(PLACE, null);
  return { interests, place: location ? { name: nearest(location, named), ...location } : null };
}

/** Forgets the name of the place that the user chose. */
export const forgetPlace = () => keep(PLACE, null);

function nearest(location, named) {
  return named && named.lat === location.lat && named.lng === location.lng ? named.name : "home";
}

/** Stores what somebody chose: with their profile, or in the browser of a visitor. */
export async function choose({ interests, place }) {
  if (!account) {
    Object.assign(visitor, { interests, place });
    keep(CHOICES, visitor);
    return;
  }
  keep(PLACE, place);
  await backend.saveProfile(userId, profileOf({ interests, place }));
}

const profileOf = ({ interests, place }) => ({
  preferred_categories: interests,
  location: place ? { lat: place.lat, lng: place.lng } : null,
});

/** Name under which a page leaves what the next one says first. */
export const LEFT_TO_SAY = "marquee.say";

/**
 * Signs somebody in; what the visitor did and chose is theirs from then on. With `entry`, that is what they sign in for:
 * it is stored, and `saying` said. Reloads the page.
 */
export async function signIn(entry, saying) {
  const entered = await backend.signIn();
  if (!entered) return;
  account = entered;
  if (entry) {
    const { type, event_id, ...from } = entry;
    marquee.track(type, event_id, from);
    keep(LEFT_TO_SAY, saying, TAB);
  }
  await marquee.flush();
  if (entered.isNew && (visitor.interests.length || visitor.place)) {
    await backend.saveProfile(entered.userId, profileOf(visitor));
    keep(`marquee.place.${entered.userId}`, visitor.place);
  }
  keep(CHOICES, null);
  location.reload();
}

/** Sends what waits, and forgets what the page keeps of whoever looks. What cannot be sent waits for them. */
export async function leave() {
  await marquee.flush();
  for (const name of [CHOICES, LAST_LIST]) keep(name, null);
}

/** Signs out. Reloads the page. */
export async function signOut() {
  await leave();
  await backend.signOut();
  location.reload();
}

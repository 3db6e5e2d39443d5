import { Marquee } from "../marquee.js";
import * as backend from "../backend.js";
import { deliver } from "./delivery.js";
import { profile } from "./documents.js";
import { explained, noteFailure } from "./failure.js";
import { joinStates, noted, openStates } from "./states.js";
import { TAB, keep, kept } from "./storage.js";

/** Account of who is signed in, `{ userId, name }`, or null for a visitor. */
export let account = await backend.account();

/** Id of the user whom this page is for, "" for a visitor. */
export const userId = account?.userId ?? "";
openStates(userId);

const CHOICES = "marquee.choices";
const LAST_LIST = `marquee.last.${userId}`;
const PLACE = `marquee.place.${userId}`;
const visitor = kept(CHOICES, null) ?? { interests: [], place: null };

/** Conditions of a list as a text, the same for the same ones. What a visitor looked at orders a list, and is left out. */
const keyOf = (conditions) => JSON.stringify({ ...conditions, recent: undefined });

function lastList(conditions) {
  const last = kept(LAST_LIST, null);
  return last?.asked === keyOf(conditions) ? last.items : null;
}

/**
 * Client of the API, for whoever looks; where the API is out of reach, a list is the first one that was shown last, if
 * that was asked for under the same conditions.
 */
export const marquee = new Marquee({
  userId: () => account?.userId,
  idToken: backend.idToken,
  appCheck: backend.appCheck,
  fallback: (name, conditions) => (name === "recommendations" ? lastList(conditions) : null),
});

/**
 * Popular events for other uses than to show them as a list: the client remembers none of it, so that what somebody does
 * later is not put down to a list that nobody saw.
 */
export function popular(conditions) {
  const given = Object.entries(conditions).filter(([, value]) => value !== "" && value !== undefined);
  // The API splits at commas.
  const texts = given.map(([name, value]) => [name, name === "category" ? value.replaceAll(",", "\\,") : String(value)]);
  return marquee.call(`/events/popular?${new URLSearchParams(texts)}`);
}

/** Keeps the first list for times without a connection, unless it is empty, with the conditions that it was asked for under. */
export const keepList = ({ items, fallback }, conditions) => fallback || !items.length || keep(LAST_LIST, { asked: keyOf(conditions), items });

/** Choices of somebody: `interests`, which are categories, and `place`, `{ name, lat, lng }` or null. */
export async function choices() {
  if (!account) return visitor;
  const { interests, location } = await profile(userId);
  const named = kept(PLACE, null);
  return { interests, place: location && { name: nearest(location, named), ...location } };
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
  await backend.saveProfile(userId, fieldsOf({ interests, place }));
  keep(PLACE, place);
}

const fieldsOf = ({ interests, place }) => ({
  preferred_categories: interests,
  location: place ? { lat: place.lat, lng: place.lng } : null,
});

const LEFT_TO_SAY = "marquee.say";

/** Leaves a notice, `{ text, detail }`, to the next page of this tab. */
export const sayLater = (notice) => keep(LEFT_TO_SAY, notice, TAB);

/** Takes the notice that the page before left, null without one. */
export function leftToSay() {
  const notice = kept(LEFT_TO_SAY, null, TAB);
  sayLater(null);
  return notice;
}

/** What went wrong, as a notice. */
function failed(error) {
  const { text, detail } = explained(error);
  noteFailure(error);
  return { text, detail };
}

/**
 * Signs somebody in; what the visitor did and chose is theirs from then on. `wanted` is what they sign in for,
 * `{ type, eventId, from, saying }`: it is sent, and the next page says what became of it. Reloads the page.
 */
export async function signIn(wanted) {
  const entered = await backend.signIn();
  if (!entered) return;
  account = entered;
  joinStates(entered.userId);
  if (wanted) sayLater(await sent(wanted).catch(failed));
  else await marquee.flush();
  if (entered.isNew) await handOver(entered.userId).catch((error) => sayLater({ ...failed(error), detail: "Your interests are not stored. Choose them again." }));
  keep(CHOICES, null);
  location.reload();
}

async function sent({ type, eventId, from, saying }) {
  const detail = await deliver(marquee, type, eventId, from);
  noted(type, eventId);
  return { text: saying, detail };
}

/** Stores what the visitor chose with a new user's profile. */
async function handOver(newId) {
  if (!visitor.interests.length && !visitor.place) return;
  await backend.saveProfile(newId, fieldsOf(visitor));
  keep(`marquee.place.${newId}`, visitor.place);
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

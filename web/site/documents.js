// Documents of events and profiles, which anybody's program may have written: a field whose value is odd is left out.
import * as backend from "../backend.js";
import { knownZone } from "./wording.js";

const [FIRST_YEAR, LAST_YEAR] = [1970, 2200];

const textOf = (value) => (typeof value === "string" && value.trim() ? value : undefined);
const numberOf = (value, low, high) => (typeof value === "number" && value >= low && value <= high ? value : undefined);
const textsOf = (value) => (Array.isArray(value) ? value.map(textOf).filter((text) => text !== undefined) : []);

/** Time as ISO text. */
function timeOf(value) {
  const time = new Date(textOf(value) ?? NaN);
  const isKnown = time.getUTCFullYear() >= FIRST_YEAR && time.getUTCFullYear() < LAST_YEAR;
  return isKnown ? time.toISOString() : undefined;
}

/** Address of a picture. */
function addressOf(value) {
  const isAddress = textOf(value) && URL.canParse(value) && /^https?:$/.test(new URL(value).protocol);
  return isAddress ? value : undefined;
}

function placeOf(value) {
  const [lat, lng] = [numberOf(value?.lat, -90, 90), numberOf(value?.lng, -180, 180)];
  return lat === undefined || lng === undefined ? null : { lat, lng };
}

/** Event as a card shows it, from a document; one without a title is called by its id. */
export function eventOf({ event_id, ...raw }) {
  return {
    event_id,
    title: textOf(raw.title) ?? event_id,
    description: textOf(raw.description),
    category: textOf(raw.category),
    city: textOf(raw.city),
    tags: textsOf(raw.tags),
    starts_at: timeOf(raw.starts_at),
    ends_at: timeOf(raw.ends_at),
    timezone: knownZone(raw.timezone),
    price: numberOf(raw.price, 0, Number.MAX_VALUE),
    currency: textOf(raw.currency),
    image_url: addressOf(raw.image_url),
    status: textOf(raw.status),
  };
}

/** Durations that the API, too, takes an event without an end to have, unless its settings say otherwise. */
const [ASSUMED_MS, DAY_MS] = [3 * 3_600_000, 24 * 3_600_000];

/** Whether an event begins at midnight by its zone: it has no time of day, and lasts all day. */
const isAllDay = ({ starts_at, timezone = "UTC" }) => new Date(starts_at).toLocaleTimeString("en-GB", { timeZone: timezone }) === "00:00:00";

/** Whether an event has ended, as far as its end is known. */
export function isOver(event, now = new Date()) {
  const { starts_at, ends_at } = event;
  return (ends_at ? Date.parse(ends_at) : Date.parse(starts_at) + (isAllDay(event) ? DAY_MS : ASSUMED_MS)) < now;
}

/** Why nobody can book an event any more, undefined where they can. */
export const closing = (event) => (isOver(event) ? "This event is over." : { cancelled: "This event is cancelled.", sold_out: "This event is sold out." }[event.status]);

/** Profile from a document: `interests`, `location` or null, and whether it may be used. */
export function profileOf(raw) {
  return { interests: textsOf(raw?.preferred_categories), location: placeOf(raw?.location), profiling: raw?.profiling !== false };
}

/** Events by their ids, without those that are not there. */
export const events = async (ids) => (await backend.events(ids)).map(eventOf);

/** Profile of the user. */
export const profile = async (userId) => profileOf(await backend.profile(userId));

/** States of a type, such as bookings, in the export of a user's data: ids of events, the latest first. */
export function statesOf(documents, type) {
  const found = documents.filter(({ collection, fields }) => collection === "interactions" && fields?.type === type && textOf(fields.event_id));
  const at = ({ fields }) => timeOf(fields.occurred_at) ?? "";
  return found.sort((one, other) => (at(one) < at(other) ? 1 : -1)).map(({ fields }) => fields.event_id);
}

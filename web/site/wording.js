const DAY_MS = 86_400_000;

const TIME = { hour: "2-digit", minute: "2-digit" };
const DAY = { weekday: "short", day: "numeric", month: "short" };
const YEAR = { year: "numeric" };
const formatters = new Map();

/** Formatter of `Intl`, made once: making one takes a phone tens of milliseconds, using it some microseconds. */
function formatter(Kind, options) {
  const key = JSON.stringify(options);
  if (!formatters.has(key)) formatters.set(key, new Kind(undefined, options));
  return formatters.get(key);
}

// The first formatter of dates takes longest, and is made while a page waits for its first list.
setTimeout(() => formatter(Intl.DateTimeFormat, TIME));

/** Name of a time zone that the browser knows, undefined for any other value. */
export function knownZone(name) {
  try {
    return typeof name === "string" && name ? formatter(Intl.DateTimeFormat, { ...TIME, timeZone: name }) && name : undefined;
  } catch {
    return undefined;
  }
}

/** Start of an event in its own local time, such as "Sat 5 Dec, 21:00"; near days have names. */
export function startOf({ starts_at, timezone }, now = new Date()) {
  if (!starts_at) return "Date to be announced";
  const [start, zone] = [new Date(starts_at), knownZone(timezone)];
  const text = (moment, options) => formatter(Intl.DateTimeFormat, { ...options, timeZone: zone }).format(moment);
  const time = text(start, TIME);
  // Further away, the day has no name.
  if (Math.abs(start - now) < 2 * DAY_MS) {
    const dayOf = (moment) => text(moment, { ...DAY, ...YEAR });
    if (dayOf(start) === dayOf(now)) return `Today, ${time}`;
    if (dayOf(start) === dayOf(new Date(now.getTime() + DAY_MS))) return `Tomorrow, ${time}`;
  }
  return `${text(start, start.getFullYear() === now.getFullYear() ? DAY : { ...DAY, ...YEAR })}, ${time}`;
}

/** Price of an event, "" where it is not known. */
export function priceOf({ price, currency }) {
  if (price == null) return "";
  if (price === 0) return "Free";
  const whole = Number.isInteger(price) ? { maximumFractionDigits: 0 } : {};
  try {
    return formatter(Intl.NumberFormat, { style: "currency", currency, ...whole }).format(price);
  } catch {
    return price.toLocaleString(); // No currency is known.
  }
}

/** Count with its noun, such as "1 event" and "2 events". */
export const counted = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;

/** Text that begins with a capital letter. */
export const sentence = (text) => text.charAt(0).toLocaleUpperCase() + text.slice(1);

/** Name of a user of Firebase, who may have neither a name nor an address: without a password, or by phone. */
export const nameOf = ({ displayName, email, phoneNumber }) => displayName || email?.split("@")[0] || phoneNumber || "you";

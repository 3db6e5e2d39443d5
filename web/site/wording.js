const DAY_MS = 86_400_000;

/** Name of a time zone that the browser knows, undefined for any other value. */
export function knownZone(name) {
  try {
    return typeof name === "string" && name ? Intl.DateTimeFormat(undefined, { timeZone: name }) && name : undefined;
  } catch {
    return undefined;
  }
}

/** Start of an event in its own local time, such as "Sat 5 Dec, 21:00"; near days have names. */
export function startOf({ starts_at, timezone }, now = new Date()) {
  if (!starts_at) return "Date to be announced";
  const [start, zone] = [new Date(starts_at), { timeZone: knownZone(timezone) }];
  const time = start.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", ...zone });
  const date = (moment) => moment.toLocaleDateString("en-CA", zone);
  if (date(start) === date(now)) return `Today, ${time}`;
  if (date(start) === date(new Date(now.getTime() + DAY_MS))) return `Tomorrow, ${time}`;
  const year = start.getFullYear() === now.getFullYear() ? {} : { year: "numeric" };
  return `${start.toLocaleDateString(undefined, { weekday: "short", day: "numeric", month: "short", ...year, ...zone })}, ${time}`;
}

/** Price of an event, "" where it is not known. */
export function priceOf({ price, currency }) {
  if (price == null) return "";
  if (price === 0) return "Free";
  const whole = Number.isInteger(price) ? { maximumFractionDigits: 0 } : {};
  try {
    return price.toLocaleString(undefined, { style: "currency", currency, ...whole });
  } catch {
    return price.toLocaleString(); // No currency is known.
  }
}

/** Count with its noun, such as "1 event" and "2 events". */
export const counted = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;

/** Text that begins with a capital letter. */
export const sentence = (text) => text.charAt(0).toLocaleUpperCase() + text.slice(1);

// An app in 21 lines: a list of cards in another language, and interactions with what it shows.
import { interactionId } from "./interaction-id.js";
import { Marquee, type CardField, type Interaction, type Item } from "./marquee.js";

const fields = ["title", "starts_at", "price", "currency", "image_url"] as const satisfies readonly CardField[];
type Card = Item<(typeof fields)[number]>;
const words: Record<string, string> = { popular: "beliebt", popular_near: "beliebt in der Nähe", starts_tomorrow: "morgen" };

function line(card: Card): string {
  const price = card.price === null ? "" : `${card.price} ${card.currency ?? ""}`;
  const why = card.reason_codes.map(({ code }) => words[code] ?? code).join(", ");
  return [card.title, card.starts_at, price, card.image_url, why].filter(Boolean).join(" | ");
}

const [baseUrl = "", userId = ""] = process.argv.slice(2);
const marquee = new Marquee({ baseUrl });
const { items, recommendation_id } = await marquee.recommendations({ userId, limit: 3, when: "week", fields });
const [first] = items;
if (!first) throw new Error("expected an event within a week");
const booking: Interaction = { type: "booking", event_id: first.event_id, recommendation_id, position: 0 };
const { accepted, rejected } = await marquee.record([booking, { type: "search", query: "jazz" }], { userId });
console.log(JSON.stringify({ lines: items.map(line), accepted, rejected, id: await interactionId(userId, booking) }));

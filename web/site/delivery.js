import { MarqueeError } from "../marquee.js";
import { waiting } from "./failure.js";

/**
 * Sends what somebody did with an event by a client. Returns null once it is stored, a sentence on why where it waits in
 * the client's queue, and throws what the API refuses.
 */
export async function deliver(client, type, eventId, from) {
  let refused, failure;
  const isThis = (interaction) => interaction?.type === type && (interaction.event_id ?? interaction.target) === eventId;
  const refuse = ({ interaction, reason }) => {
    if (isThis(interaction)) refused = new MarqueeError(`${type} of ${eventId}: ${reason}`, "bad_request");
  };
  const ends = [client.on("rejected", refuse), client.on("dropped", refuse), client.on("error", (error) => { failure = error; })];
  client.track(type, eventId, from);
  const found = await client.flush();
  for (const end of ends) end();
  if (refused) throw refused;
  return failure && found.waiting ? waiting(failure) : null;
}

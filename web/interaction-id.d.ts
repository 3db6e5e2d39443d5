import type { Interaction } from "./marquee.js";

/** Document id of an interaction that an app writes to Firestore itself; `occurredAt` is the document's time. */
export function interactionId(userId: string, interaction: Interaction, occurredAt?: Date): Promise<string>;

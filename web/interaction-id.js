const REPEATING = ["impression", "view", "click", "share", "search", "category_click"];
const UNDONE = { cancel: "booking", unsave: "save", unfollow: "follow", undismiss: "dismiss" };

/**
 * Document id of an interaction that an app writes to Firestore itself, which the security rules check: a repeat is the
 * same document. `userId` and what the interaction is about are as in the document; `occurredAt` is its `occurred_at`.
 */
export async function interactionId(userId, interaction, occurredAt = new Date()) {
  const { type, event_id, event_ids, organizer_id, query, category, position, recommendation_id } = interaction;
  const owner = `${new TextEncoder().encode(userId).length}:${userId}`;
  const day = REPEATING.includes(type) ? `${occurredAt.toISOString().slice(0, 10).replaceAll("-", "")}:` : "";
  if (event_ids?.length) return `page:${owner}:${day}${position ?? 0}:${recommendation_id}`;
  const family = UNDONE[type] ?? type;
  const text = { search: query, category_click: category }[type];
  const target = text === undefined ? (family === "follow" ? organizer_id : event_id) : await sha256(text);
  return `${family}:${owner}:${day}${target}`;
}

async function sha256(text) {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

import type { components, operations } from "./api.js";

type Schemas = components["schemas"];

/** Interaction of a user, as `record` takes it. */
export type Interaction = Schemas["Interaction"];
/** Field of an event that lists may carry. */
export type CardField = Schemas["CardField"];
/** Event of a list, with the fields that were asked for. */
export type Item<Field extends CardField = CardField> = Omit<Schemas["Recommendation"], CardField> &
  Pick<Required<Schemas["Recommendation"]>, Field>;
/** Answer of a list. */
export type List<Field extends CardField = CardField> = Omit<Schemas["Recommendations"], "items"> & {
  items: Item<Field>[];
};
/** Answer of a ranking. */
export type Ranking<Field extends CardField = CardField> = Omit<Schemas["Ranking"], "items"> & { items: Item<Field>[] };

type Query<Name extends keyof operations> = operations[Name] extends { parameters: { query?: infer Found } }
  ? NonNullable<Found>
  : never;
type OneOrMore<Values> = Values extends readonly (infer Value)[] ? Values | Value : Values;
type Conditions<Name extends keyof operations, Field extends CardField> = {
  [Key in keyof Omit<Query<Name>, "user_id" | "fields">]: OneOrMore<Query<Name>[Key]>;
} & { userId?: string; fields?: readonly Field[] };

/** Options of a client. */
export interface Options {
  /** Base URL of the API; by default on the page's own origin. */
  baseUrl?: string;
  /** Returns the Firebase ID token, null for a visitor. */
  idToken?: () => Promise<string | null>;
  /** Returns the App Check token where the API wants one. */
  appCheck?: () => Promise<string | null>;
  /** A random secret for visitors who have not signed in, kept in their browser. */
  anonymousId?: string;
}

/** Browser client of Marquee's API. */
export class Marquee {
  constructor(options?: Options);

  /** Recommended events for a user; without `userId` for the token's user, or for somebody without a history. */
  recommendations<Field extends CardField = CardField>(
    conditions?: Conditions<"getRecommendations", Field>,
  ): Promise<List<Field>>;

  /** Events similar to a given event. */
  similar<Field extends CardField = CardField>(
    eventId: string,
    conditions?: Conditions<"getSimilarEvents", Field>,
  ): Promise<List<Field>>;

  /** Popular events; `window` is "day", "week" or "month", by default all time. */
  popular<Field extends CardField = CardField>(
    conditions?: Conditions<"getPopularEvents", Field>,
  ): Promise<List<Field>>;

  /** Trending events, with more interactions than expected from their past. */
  trending<Field extends CardField = CardField>(
    conditions?: Conditions<"getTrendingEvents", Field>,
  ): Promise<List<Field>>;

  /** Ranking of the page's own list of event ids for a user. */
  rank<Field extends CardField = CardField>(
    eventIds: readonly string[],
    options?: { userId?: string; recent?: readonly string[]; fields?: readonly Field[] },
  ): Promise<Ranking<Field>>;

  /** Audience of an event: the users most likely to attend it, for its organizer and admins. */
  audience(eventId: string, options?: { limit?: number }): Promise<Schemas["Audience"]>;

  /** Stores interactions of a user. With `join`, once after signing in, those of the visitor become the user's. */
  record(
    interactions: readonly Interaction[],
    options?: { userId?: string; join?: boolean },
  ): Promise<Schemas["Received"]>;

  /** Stores interactions while the page closes, with the tokens of the previous request; true if queued. */
  beacon(interactions: readonly Interaction[], options?: { userId?: string }): boolean;

  /** Stored documents about a user, in parts of 5,000 documents. */
  data(userId: string, options?: { cursor?: string | null }): Promise<Schemas["UserData"]>;

  /** Allows or refuses that a user is profiled. */
  allowProfiling(userId: string, allowed: boolean): Promise<Schemas["Profiling"]>;

  /** Erases a user's data. */
  forget(userId: string): Promise<Schemas["Forgotten"]>;

  /** Health of the API: the model in service and its age. */
  health(): Promise<Schemas["Health"]>;
}

/** Document id of an interaction that an app writes to Firestore itself; `occurredAt` is the document's time. */
export function interactionId(userId: string, interaction: Interaction, occurredAt?: Date): Promise<string>;

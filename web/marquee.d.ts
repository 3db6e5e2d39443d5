import type { components, operations, paths } from "./api.js";

type Schemas = components["schemas"];

/** Interaction of a user, as `record` takes it. */
export type Interaction = Schemas["Interaction"];
/** Field of an event that lists may carry. */
export type CardField = Schemas["CardField"];
/** Event of a list, with the fields that were asked for, and its position in the API's list, which counts over pages. */
export type Item<Field extends CardField = CardField> = Omit<Schemas["Recommendation"], CardField> &
  Pick<Required<Schemas["Recommendation"]>, Field> & { position?: number };
/** Answer of a list; `fallback` is true where it is not the API's, but that of the option `fallback`. */
export type List<Field extends CardField = CardField> = Omit<Schemas["Recommendations"], "items"> & {
  items: Item<Field>[];
  fallback?: true;
};
/** Answer of a ranking. */
export type Ranking<Field extends CardField = CardField> = Omit<Schemas["Ranking"], "items"> & { items: Item<Field>[] };
/** Business rules of lists. */
export type Rules = Schemas["Rules"];
/** Result of a batch of interactions. */
export type Received = Schemas["Received"];

type Query<Name extends keyof operations> = operations[Name] extends { parameters: { query?: infer Found } }
  ? NonNullable<Found>
  : never;
type OneOrMore<Values> = Values extends readonly (infer Value)[] ? Values | Value : Values;

/** Limits of one call. */
export interface CallOptions {
  /** Aborts the call, which then rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** Longest duration of the call with its retries, in milliseconds; by default the client's. */
  timeoutMs?: number | undefined;
}

/** Path of the API that a called path is, with an id in place of a name in braces, and perhaps a query. */
type Route<Path extends string> = {
  [Template in keyof paths]: Path extends Template | `${Template}?${string}`
    ? Template
    : Template extends `${infer Head}{${string}}${infer Tail}`
      ? Path extends `${Head}${infer Id}${Tail}` | `${Head}${infer Id}${Tail}?${string}`
        ? Id extends `${string}${"/" | "?"}${string}`
          ? never
          : Template
        : never
      : never;
}[keyof paths];
/** Operation of a path and a method, undefined where the API's document has none. */
type Called<Path extends string, Method extends string> = Lowercase<Method> extends infer Verb
  ? Verb extends keyof paths[Route<Path>]
    ? paths[Route<Path>][Verb]
    : undefined
  : never;
type Sent<Operation> = Operation extends { requestBody: { content: { "application/json": infer Body } } }
  ? { body: Body }
  : Operation extends { requestBody?: never }
    ? { body?: undefined }
    : { body?: unknown };
type Answered<Operation> = Operation extends { responses: { 200: { content: { "application/json": infer Body } } } }
  ? Body
  : unknown;

type Conditions<Name extends keyof operations, Field extends CardField> = {
  [Key in keyof Omit<Query<Name>, "user_id" | "fields">]: OneOrMore<Query<Name>[Key]>;
} & { userId?: string; fields?: readonly Field[] } & CallOptions;

/** Name of a list, as `<marquee-list>` and the option `fallback` have it. */
export type ListName = "recommendations" | "similar" | "popular" | "trending";

/** Storage of the queue, such as `localStorage`; what it refuses is kept in memory. */
export type QueueStorage = Pick<Storage, "getItem" | "setItem" | "removeItem" | "key" | "length">;

/** Options of a client. */
export interface Options {
  /** Base URL of the API, with or without a slash at its end; by default "/api/v1" on the page's own origin. */
  baseUrl?: string;
  /** Id of the user who is signed in, null for a visitor: `() => auth.currentUser?.uid`. */
  userId?: () => string | null | undefined;
  /** Firebase ID token, null for a visitor: `() => auth.currentUser?.getIdToken()`. Asked once a request. */
  idToken?: () => Promise<string | null | undefined> | string | null | undefined;
  /** App Check token where the API wants one: `async () => (await getToken(appCheck)).token`. Asked once a request. */
  appCheck?: () => Promise<string | null | undefined> | string | null | undefined;
  /** Longest duration of a call with its retries, in milliseconds: 10,000 by default, 30,000 for a user's data; at most a day. */
  timeoutMs?: number;
  /** Number of retries of a call that met no answer, or 408, 429, 502, 503 or 504: 2 by default. */
  retries?: number;
  /** Time from `track` to the next batch, in milliseconds: 2,000 by default. */
  flushAfterMs?: number;
  /** Limit of interactions that wait for the API: 1,000 by default. The oldest are dropped, impressions first. */
  maxQueue?: number;
  /** Storage of the queue and of the visitor's id: `localStorage` by default, null for memory only. */
  storage?: QueueStorage | null;
  /** Events to show where the API cannot be reached. Those that are over are left out. Without a list, the call fails. */
  fallback?: (
    list: ListName,
    conditions: Readonly<Record<string, unknown>>,
  ) => readonly Partial<Item>[] | null | undefined | Promise<readonly Partial<Item>[] | null | undefined>;
}

/** Fields of a tracked interaction besides its target; the list and the position follow from the lists shown. */
export interface Details {
  recommendation_id?: string;
  position?: number;
  session_id?: string;
  /** Stars of a rating or a review; otherwise a number of your own, such as what was paid. */
  value?: number;
}

/** Result of a flush: interactions that the API has answered for, and those that still wait. */
export interface Flushed {
  sent: number;
  waiting: number;
}

/** Events of a client, with what their listeners get. */
export interface MarqueeEvents {
  /** The API has answered for a batch: `user_id` is null for a visitor. */
  sent: Received & { user_id: string | null };
  /** The API refused an interaction, which has left the queue. */
  rejected: { interaction: Interaction; field: string; reason: string };
  /** An interaction left the queue unsent: the queue was full, it was older than seven days, or it cannot be sent. */
  dropped: { interaction: unknown; reason: "full" | "expired" | "unusable" };
  /** A batch could not be sent, and waits for the next time; or `userId` gave something else than text. */
  error: MarqueeError;
  /** A request has ended: `status` is 0 without an answer, `body` is that of the request, without tokens. */
  request: { method: string; path: string; url: string; body: string | null; status: number; ms: number };
}

/** Reason of an error: the answer's status in words, or what happened in place of an answer. */
export type ErrorCode =
  | "bad_request" | "unauthenticated" | "forbidden" | "not_found" | "conflict" | "too_large" | "too_many"
  /** 408, 502, 503 and 504: try again later. */
  | "unavailable"
  /** Any other status. */
  | "failed"
  /** No answer came: the device is offline, or the server is out of reach. */
  | "network"
  /** No answer came in time. */
  | "timeout"
  /** The answer is not the API's: no JSON, or cut off. */
  | "unreadable"
  /** `idToken` or `appCheck` failed; `cause` says why. */
  | "token";

/** Failure of a call. */
export class MarqueeError extends Error {
  constructor(
    message: string,
    code: ErrorCode,
    about?: { status?: number; field?: string | null; retryAfterMs?: number | null; cause?: unknown },
  );
  readonly name: "MarqueeError";
  /** HTTP status, 0 where no answer came; 400 also for what cannot be sent, such as an id with half a surrogate pair. */
  readonly status: number;
  readonly code: ErrorCode;
  /** Parameter or field at fault, null where there is none. */
  readonly field: string | null;
  /** Time after which the API asks to try again, in milliseconds, null where it says none. */
  readonly retryAfterMs: number | null;
}

/** Browser client of Marquee's API. */
export class Marquee {
  /** Throws a `TypeError` that says what was expected, where options are of another kind. */
  constructor(options?: Options);

  /** Recommended events; without `userId` for the user who is signed in, with "" for nobody in particular. */
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
    options?: {
      userId?: string;
      recent?: readonly string[];
      fields?: readonly Field[];
      explain?: boolean;
    } & CallOptions,
  ): Promise<Ranking<Field>>;

  /** Audience of an event: the users most likely to attend it, for its organizer and admins. */
  audience(eventId: string, options?: { limit?: number } & CallOptions): Promise<Schemas["Audience"]>;

  /**
   * Queues an interaction of the user or visitor of now, with the list and position where the event was last listed.
   * Returns at once and never throws; what cannot be sent waits, across reloads.
   */
  track(
    type: Schemas["EventInteraction"]["type"] | "impression",
    eventId: string,
    details?: Details,
  ): void;
  track(type: "rating", eventId: string, details: Details & { value: number }): void;
  track(type: "review", eventId: string, details: Details & { text?: string }): void;
  track(type: Schemas["OrganizerInteraction"]["type"], organizerId: string, details?: Details): void;
  track(type: "search", query: string, details?: Details): void;
  track(type: "category_click", category: string, details?: Details): void;

  /**
   * Impressions of an element that shows an event: it counts once a list when half of it was visible for a second.
   * An element that is watched again, as that of another event, is no longer watched as the first one. Returns a
   * function that stops watching, and never throws.
   */
  observe(element: Element, eventId: string, details?: Details): () => void;

  /**
   * Sends what waits, and joins a visitor's interactions to the user who has signed in since: call it after signing in,
   * and before a list that must know what was just tracked. Never rejects.
   */
  flush(): Promise<Flushed>;

  /** Ids of the events that a visitor acted on in this tab, newest first: the parameter `recent` of a visitor's lists. */
  readonly recent: string[];

  /**
   * Stores interactions and waits for the answer. With `join`, those of the visitor become the user's; an id in its
   * place is that of an anonymous account that somebody signed up for. An empty list only joins.
   */
  record(
    interactions: readonly Interaction[],
    options?: { userId?: string; join?: boolean | string } & CallOptions,
  ): Promise<Received>;

  /** Stored documents about a user, in parts of 5,000 documents. */
  data(userId: string, options?: { cursor?: string | null } & CallOptions): Promise<Schemas["UserData"]>;

  /** Allows or refuses that a user is profiled. */
  allowProfiling(userId: string, allowed: boolean, options?: CallOptions): Promise<Schemas["Profiling"]>;

  /** Erases a user's data, also what waits on this device, of which nothing is sent from the call on. */
  forget(userId: string, options?: CallOptions): Promise<Schemas["Forgotten"]>;

  /** Business rules, for admins. */
  rules(options?: CallOptions): Promise<Rules>;

  /** Replaces the business rules, for admins. */
  setRules(rules: Rules, options?: CallOptions): Promise<Rules>;

  /** Reports of UTC days, for admins, oldest first; by default of the last seven days. */
  report(options?: { from?: string; to?: string } & CallOptions): Promise<Schemas["Reports"]>;

  /** Published models, for admins. */
  models(options?: CallOptions): Promise<Schemas["Models"]>;

  /** Puts a published model into service, for admins; with `hold` no training replaces it. */
  activate(version: string, options?: { hold?: boolean } & CallOptions): Promise<Schemas["ModelInService"]>;

  /**
   * Any operation, with the types of its path and method: `call("/runs?limit=5")`. The types of a path that is not known
   * when it is compiled are unknown. A failed POST or PUT is tried again.
   */
  call<Path extends string, Method extends string = "GET">(
    path: Path,
    options?: { method?: Method } & Sent<Called<Path, Method>> & CallOptions,
  ): Promise<Answered<Called<Path, Method>>>;

  /** Health of the API: the model in service and its age. */
  health(options?: CallOptions): Promise<Schemas["Health"]>;

  /** Forgets what this device holds: the visitor's id, the queue and `recent`. */
  reset(): void;

  /** Ends timers and listeners; what waits stays stored. */
  close(): void;

  /** Calls a listener at each event of a name; returns a function that ends it. */
  on<Name extends keyof MarqueeEvents>(name: Name, listener: (detail: MarqueeEvents[Name]) => void): () => void;
}

/** Limits of the API: interactions of a request, events of a page of impressions, ids of `recent`, days of the past. */
export const LIMITS: Readonly<{ interactions: number; page: number; recent: number; days: number }>;

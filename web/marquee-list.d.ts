import type { Item, List, ListName, Marquee } from "./marquee.js";

/**
 * List of events: `<marquee-list name="popular" limit="5" window="week">`. Attributes are the list's parameters, such as
 * `max-price` for `max_price`; a change of one asks for the list again, once for all that change together.
 *
 * Slots: `heading`, `loading`, `empty` and `error`. A `<template>` inside is the card of one event: an element with
 * `data-text="title"` gets that field as text, `data-href`, `data-src` and `data-alt` make attributes, where `{event_id}`
 * and other fields may stand within a text, and a click on `data-track="save"` tracks that type. An element whose field
 * is unknown is removed.
 *
 * Events: `marquee-loaded` (`detail` is the list), `marquee-error` (`detail` is the error) and `marquee-track`
 * (`detail` is `{ type, item }`).
 */
export class MarqueeListElement extends HTMLElement {
  /** Client of all lists that have none of their own, also of those shown; one on the page's own origin by default. */
  static client: Marquee;
  /** Client of this list. */
  client: Marquee;
  /** Name of the list; for "similar", the attribute `event-id` names the event. */
  name: ListName;
  /** Parameters of the list that attributes cannot say; they outrank attributes. */
  conditions: Readonly<Record<string, unknown>>;
  /** Fills a card, in place of the template. */
  card: ((item: Item, position: number) => Element) | null;
  /** List that is shown, null before the first answer. */
  readonly list: List | null;
  /** Asks for the list again. */
  refresh(): Promise<void>;
}

declare global {
  interface HTMLElementTagNameMap {
    "marquee-list": MarqueeListElement;
  }
}

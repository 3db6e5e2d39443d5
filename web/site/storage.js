const BROWSER = () => localStorage;
/** Store of this tab alone, for what one page leaves to the next. */
export const TAB = () => sessionStorage;

/** Value that the browser keeps under a name, `fallback` where it keeps none or refuses. */
export function kept(name, fallback, store = BROWSER) {
  try {
    return JSON.parse(store().getItem(name)) ?? fallback;
  } catch {
    return fallback; // Storage is off, or holds what another program wrote.
  }
}

/** Keeps a value under a name for later visits, null to delete it; where storage is off, this visit goes on without. */
export function keep(name, value, store = BROWSER) {
  try {
    if (value === null) store().removeItem(name);
    else store().setItem(name, JSON.stringify(value));
  } catch {
    // The page works without: the visitor is a new one on the next page.
  }
}

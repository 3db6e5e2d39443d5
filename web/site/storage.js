/** Value that the browser keeps under a name, `fallback` where it keeps none or refuses. */
export function kept(name, fallback) {
  try {
    return JSON.parse(localStorage.getItem(name)) ?? fallback;
  } catch {
    return fallback; // Storage is off, or holds what another program wrote.
  }
}

/** Keeps a value under a name for later visits, null to delete it; where storage is off, this visit goes on without. */
export function keep(name, value) {
  try {
    if (value === null) localStorage.removeItem(name);
    else localStorage.setItem(name, JSON.stringify(value));
  } catch {
    // The page works without: the visitor is a new one on the next page.
  }
}

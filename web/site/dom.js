/** Element with attributes and children; an attribute that is null or false is left out, `onclick` and its like listen. */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value == null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child != null && child !== false));
  return node;
}

export const byId = (id) => document.getElementById(id);

/** Text in the reader's direction, whatever that of the page is. */
export const prose = (tag, attributes, text) => el(tag, { dir: "auto", ...attributes }, text);

const PATHS = {
  heart: "M12 20.5C5.5 16 2.5 12.6 2.5 8.9 2.5 6.2 4.6 4 7.3 4c1.9 0 3.6 1 4.7 2.7C13.1 5 14.8 4 16.7 4c2.7 0 4.8 2.2 4.8 4.9 0 3.7-3 7.1-9.5 11.6z",
  cross: "M6 6l12 12M18 6L6 18",
  place: "M12 21.5c4.4-4.9 6.6-8.6 6.6-11.4A6.5 6.5 0 0 0 12 3.5a6.5 6.5 0 0 0-6.6 6.6c0 2.8 2.2 6.5 6.6 11.4zM12 12.6a2.6 2.6 0 1 0 0-5.2 2.6 2.6 0 0 0 0 5.2z",
  check: "M4.5 12.5l5 5 10-11",
};

/** Icon of 24 px; it says nothing, so its button needs a label. */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  for (const [key, value] of Object.entries({ viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" })) {
    svg.setAttribute(key, value);
  }
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

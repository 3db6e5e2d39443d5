// Contrast (WCAG 2.2, 1.4.3) of text to the worst colour that may lie behind it, for what axe leaves undecided.
const STEPS = 16;
const brush = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });

/** Element at the end of a target of axe, each part of which leads into a frame or a shadow root. */
function found(target) {
  return target.flat().reduce((root, selector) => (root.shadowRoot ?? root).querySelector(selector), document);
}

/** Red, green, blue and opacity of a colour of CSS, 0..1. */
function channels(colour) {
  brush.clearRect(0, 0, 1, 1);
  brush.fillStyle = colour;
  brush.fillRect(0, 0, 1, 1);
  return [...brush.getImageData(0, 0, 1, 1).data].map((value) => value / 255);
}

const between = (one, other, share) => one.map((value, place) => value + (other[place] - value) * share);
const over = (layer, below) => between(below, [layer[0], layer[1], layer[2], 1], layer[3]);

/** Colours of an element's background pictures, the topmost first: of each gradient its stops and what lies between. */
function gradients(style) {
  return style.backgroundImage.split(/, (?=[a-z-]+gradient\()/).map((text) => {
    const stops = (text.match(/(?:rgba?|color|oklab|oklch|lab|lch|hsla?)\([^()]*\)/g) ?? []).map(channels);
    return stops.slice(1).flatMap((stop, place) => Array.from({ length: STEPS + 1 }, (_, step) => between(stops[place], stop, step / STEPS)));
  });
}

/** Colour of the page where nothing is painted, which depends on its colour scheme. */
function canvas() {
  const probe = document.documentElement.appendChild(document.createElement("i"));
  probe.style.backgroundColor = "Canvas";
  const { backgroundColor } = getComputedStyle(probe);
  probe.remove();
  return backgroundColor;
}

/** All colours that may lie behind an element's text, null where a picture does. */
function backdrops(element) {
  if (!element) return [channels(canvas())];
  const style = getComputedStyle(element);
  if (style.backgroundImage.includes("url(") || style.opacity !== "1" || style.mixBlendMode !== "normal") return null;
  const colour = channels(style.backgroundColor);
  let behind = colour[3] === 1 ? [colour] : backdrops(element.assignedSlot ?? element.parentElement ?? element.getRootNode().host);
  behind = behind?.map((below) => over(colour, below)) ?? null;
  if (style.backgroundImage !== "none") {
    for (const colours of gradients(style).reverse()) behind = behind?.flatMap((below) => colours.map((each) => over(each, below))) ?? null;
  }
  return behind;
}

const luminance = (colour) => colour.slice(0, 3)
  .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
  .reduce((sum, value, place) => sum + value * [0.2126, 0.7152, 0.0722][place], 0);

function contrast(one, other) {
  const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

/** Fault of the contrast of an element's text to the worst colour behind it, null for nothing. */
function contrastFault(element) {
  const { color, fontSize, fontWeight } = getComputedStyle(element);
  const behind = backdrops(element);
  if (!behind?.length) return "contrast that nobody can tell";
  const isLarge = parseFloat(fontSize) >= 24 || (parseFloat(fontSize) >= 18.66 && fontWeight >= 700);
  const worst = Math.min(...behind.map((below) => contrast(over(channels(color), below), below)));
  return worst < (isLarge ? 3 : 4.5) ? `contrast of ${worst.toFixed(2)}` : null;
}

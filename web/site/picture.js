import { el } from "./dom.js";

// A picture of 320 by 200 units for an event without one: its category gives motif and colours, its id the variation,
// so that an event looks the same everywhere and no request leaves the page.
const [WIDTH, HEIGHT] = [320, 200];

/** Greatest turn of the hues of a category, in degrees: its events differ, and still look alike. */
const MAX_HUE = 28;

const STYLES = [
  [/music|concert|club/i, [waves, vinyl, lights], ["#2b1055", "#7b2d8b", "#ff6f91", "#ffc75f", "#f9f871"]],
  [/tech|code|data|startup/i, [circuit, lattice], ["#06283d", "#0f4c5c", "#47b5ff", "#9be8d8", "#fefae0"]],
  [/food|drink|wine|cook/i, [plates], ["#7a1f1f", "#c8553d", "#f2a65a", "#ffe2b8", "#588157"]],
  [/outdoor|nature|hik|garden/i, [hills, ripples], ["#134e4a", "#2a9d8f", "#8ab17d", "#e9c46a", "#f4f1de"]],
  [/theatre|theater|comedy|stage|film/i, [lights], ["#3b0a1e", "#8c1c3a", "#e63462", "#ffb347", "#fff3d6"]],
  [/art|culture|museum|design/i, [tiles], ["#1d3557", "#e63946", "#f1a208", "#f1faee", "#457b9d"]],
  [/sport|fitness|run|ball/i, [lanes, rays], ["#0b3d91", "#1768ac", "#2ec4b6", "#ffdd4a", "#ffffff"]],
  [/family|kid|child/i, [balloons, rays], ["#2d6a8f", "#5fb0d3", "#ff8fa3", "#ffd166", "#fff6e9"]],
  [/wellness|yoga|health|mind/i, [ripples], ["#33415c", "#5c677d", "#a3b4c9", "#d6cfe8", "#f8f1ff"]],
  [/talk|book|read|lecture/i, [spines], ["#32210f", "#6b4226", "#c08552", "#f3d8b6", "#3e7c7b"]],
  [/game|play|quiz/i, [lattice, tiles], ["#1b1b3a", "#693668", "#a74482", "#f84aa7", "#ffd1e8"]],
  [/community|social|volunteer|charity/i, [crowd], ["#40261a", "#99582a", "#dd8a4a", "#ffd9a0", "#6a994e"]],
];

/** Pictures that were drawn, as addresses by their seeds: a card that is made anew has its picture at once. */
const drawn = new Map();
const seeds = new WeakMap();
const seedOf = ({ category, event_id }) => `${category ?? ""}:${event_id}`;

/** Draws pictures when they come near the view. A browser takes as long for one as for all words of its card. */
const near = new IntersectionObserver((entries) => {
  for (const { target } of entries.filter(({ isIntersecting }) => isIntersecting)) {
    near.unobserve(target);
    target.src = draw(seeds.get(target));
  }
}, { rootMargin: "50%" });

/** Picture of an event: its own, or one that is drawn from its category and id. It only decorates. */
export function picture(event) {
  const given = event.image_url || drawn.get(seedOf(event));
  const image = el("img", { src: given, alt: "", width: WIDTH, height: HEIGHT, decoding: "async", loading: "lazy" });
  if (!given) {
    seeds.set(image, event);
    near.observe(image);
  }
  return image;
}

function draw(event) {
  const seed = seedOf(event);
  if (!drawn.has(seed)) drawn.set(seed, `data:image/svg+xml,${encodeURIComponent(drawing(event.category ?? "", event.event_id))}`);
  return drawn.get(seed);
}

function drawing(category, eventId) {
  const known = STYLES.find(([words]) => words.test(category));
  const [, motifs, colours] = known ?? STYLES[hash(category) % STYLES.length];
  const random = generator(hash(`${category}:${eventId}`));
  const [turn, hue] = [Math.round(random() * 24 - 12), Math.round(random() * 2 * MAX_HUE - MAX_HUE)];
  const sky = `<linearGradient id="s" gradientTransform="rotate(${60 + turn})"><stop stop-color="${colours[0]}"/>` +
    `<stop offset="1" stop-color="${colours[1]}"/></linearGradient>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="xMidYMid slice">` +
    `<defs>${sky}</defs><g style="filter:hue-rotate(${hue}deg)"><rect width="${WIDTH}" height="${HEIGHT}" fill="url(#s)"/>${pick(random, motifs)(random, colours)}</g></svg>`;
}

const between = (random, low, high) => low + random() * (high - low);
const pick = (random, list) => list[Math.floor(random() * list.length)];
const times = (count, make) => Array.from({ length: count }, (_, n) => make(n)).join("");
const disc = (x, y, r, fill, opacity = 1) =>
  `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="${r.toFixed(1)}" fill="${fill}" opacity="${opacity}"/>`;
const ring = (x, y, r, stroke, width, opacity = 1) =>
  `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="${r.toFixed(1)}" fill="none" stroke="${stroke}" stroke-width="${width}" opacity="${opacity}"/>`;

function waves(random, [, , a, b, c]) {
  const middle = between(random, 85, 130);
  const speed = between(random, 2.5, 5);
  const bars = times(27, (n) => {
    const height = 12 + Math.abs(Math.sin(n / speed + middle)) * between(random, 40, 120);
    return `<rect x="${8 + n * 11.5}" y="${(middle - height / 2).toFixed(1)}" width="6" height="${height.toFixed(1)}" rx="3" fill="${n % 5 ? a : b}"/>`;
  });
  return disc(between(random, 60, 260), middle, between(random, 50, 85), c, 0.16) + bars;
}

function vinyl(random, [dark, , a, b, c]) {
  const [x, y] = [between(random, 100, 220), between(random, 80, 130)];
  const grooves = times(7, (n) => ring(x, y, 46 + n * 8, c, 1, 0.28));
  return disc(x - 60, y + 20, 120, a, 0.35) + disc(x, y, 104, dark, 0.95) + grooves + disc(x, y, 36, b) + disc(x, y, 22, a, 0.8) + disc(x, y, 5, dark);
}

function rays(random, [, , a, b, c]) {
  const [x, y, count] = [between(random, 60, 260), between(random, 110, 200), 14];
  const beams = times(count, (n) => {
    const [from, to] = [(n / count) * 2 * Math.PI, ((n + 0.5) / count) * 2 * Math.PI];
    return `<path d="M${x.toFixed(0)} ${y.toFixed(0)}L${(x + 400 * Math.cos(from)).toFixed(0)} ${(y + 400 * Math.sin(from)).toFixed(0)}L${(x + 400 * Math.cos(to)).toFixed(0)} ${(y + 400 * Math.sin(to)).toFixed(0)}z" fill="${n % 2 ? a : b}" opacity=".55"/>`;
  });
  return beams + disc(x, y, 42, c) + disc(x, y, 27, pick(random, [a, b]));
}

function circuit(random, [, , a, b, c]) {
  const cells = times(60, (n) => {
    const [x, y] = [(n % 10) * 32 + 6, Math.floor(n / 10) * 33 + 6];
    if (random() < 0.45) return "";
    return `<rect x="${x}" y="${y}" width="20" height="20" rx="${random() < 0.4 ? 10 : 4}" fill="${pick(random, [a, a, b, c])}" opacity="${between(random, 0.25, 0.95).toFixed(2)}"/>`;
  });
  const y = 49 + 33 * Math.floor(between(random, 0, 4));
  return `<path d="M-5 ${y}h${between(random, 80, 160).toFixed(0)}l33 33h220" fill="none" stroke="${c}" stroke-width="2.5" opacity=".6"/>${cells}`;
}

function plates(random, [, , a, b, c]) {
  return times(4, (n) => {
    const [x, y, r] = [between(random, 10, 110) + n * 62, between(random, 40, 160), between(random, 38, 66)];
    return disc(x, y, r, n % 2 ? a : b, 0.95) + ring(x, y, r * 0.72, n % 2 ? b : a, 3, 0.8) + disc(x + r * 0.15, y - r * 0.1, r * between(random, 0.22, 0.4), pick(random, [c, "#9c2c2c", "#f6bd60"]));
  });
}

function hills(random, [, , a, b, c]) {
  const sun = disc(between(random, 50, 270), between(random, 40, 90), between(random, 22, 40), b);
  const layers = ["#74a892", a, "#3c7a5e", "#1f5145"];
  return sun + times(4, (n) => {
    const y = 84 + n * 26;
    const [p, q] = [between(random, -46, 22), between(random, -22, 46)];
    return `<path d="M0 ${y}C80 ${(y + p).toFixed(0)} 110 ${(y + p).toFixed(0)} 170 ${y}S270 ${(y + q).toFixed(0)} 320 ${(y + q / 2).toFixed(0)}V200H0z" fill="${layers[n]}"/>`;
  }) + disc(between(random, 20, 300), 30, 3, c, 0.8);
}

function lights(random, [dark, , a, b, c]) {
  const target = between(random, 110, 210);
  const beams = times(3, (n) => {
    const x = 40 + n * 120 + between(random, -20, 20);
    return `<path d="M${x.toFixed(0)} -10L${(target - 62).toFixed(0)} 172H${(target + 62).toFixed(0)}z" fill="${[b, a, c][n]}" opacity=".34"/>`;
  });
  const folds = times(4, (n) => `<rect x="${n * 13}" width="13" height="200" fill="${n % 2 ? a : dark}" opacity=".85"/><rect x="${307 - n * 13}" width="13" height="200" fill="${n % 2 ? a : dark}" opacity=".85"/>`);
  return `${beams}<ellipse cx="${target.toFixed(0)}" cy="172" rx="80" ry="15" fill="${c}" opacity=".9"/>${folds}`;
}

function tiles(random, colours) {
  return times(15, (n) => {
    const [x, y] = [(n % 5) * 64, Math.floor(n / 5) * 66.7];
    const [ground, shape] = [pick(random, colours), pick(random, colours)];
    const forms = [
      `<path d="M0 0h64a64 64 0 0 1-64 64z"/>`, `<path d="M64 64H0A64 64 0 0 1 64 0z"/>`, `<circle cx="32" cy="33" r="22"/>`,
      `<path d="M0 66L64 0v66z"/>`, `<path d="M0 0h64v33H0z"/>`,
    ];
    return `<g transform="translate(${x} ${y.toFixed(1)})"><rect width="64.5" height="67" fill="${ground}"/><g fill="${shape}">${pick(random, forms)}</g></g>`;
  });
}

function lanes(random, [, , a, b, c]) {
  const [x, y] = [pick(random, [0, 320]), pick(random, [0, 200])];
  const track = times(7, (n) => ring(x, y, 70 + n * 30, n === 3 ? b : c, n === 3 ? 12 : 3, n === 3 ? 1 : 0.55));
  const angle = between(random, 0.5, 1.1);
  const [bx, by] = [Math.abs(x - Math.cos(angle) * 175), Math.abs(y - Math.sin(angle) * 175)];
  return track + disc(bx, by, 26, a) + ring(bx, by, 15, c, 3, 0.8);
}

function balloons(random, [, , a, b, c]) {
  return disc(270, 40, 60, c, 0.18) + times(6, (n) => {
    const [x, y, r] = [24 + n * 54 + between(random, -12, 12), between(random, 45, 115), between(random, 20, 32)];
    return `<path d="M${x.toFixed(0)} ${(y + r).toFixed(0)}q${between(random, -14, 14).toFixed(0)} 40 0 90" stroke="${c}" fill="none" stroke-width="1.6" opacity=".8"/>` +
      `<ellipse cx="${x.toFixed(0)}" cy="${y.toFixed(0)}" rx="${r.toFixed(0)}" ry="${(r * 1.2).toFixed(0)}" fill="${[a, b, c][n % 3]}"/>` + disc(x - r * 0.35, y - r * 0.45, r * 0.18, "#fff", 0.7);
  });
}

function ripples(random, [, , a, b, c]) {
  const [x, y] = [between(random, 90, 230), between(random, 80, 130)];
  const petals = times(8, (n) => `<ellipse cx="${x.toFixed(0)}" cy="${(y - 34).toFixed(0)}" rx="13" ry="34" fill="${n % 2 ? b : c}" opacity=".75" transform="rotate(${n * 45 + between(random, 0, 6)} ${x.toFixed(0)} ${y.toFixed(0)})"/>`);
  return times(6, (n) => ring(x, y, 62 + n * 30, a, 2.5, 0.75 - n * 0.1)) + petals + disc(x, y, 12, c);
}

function spines(random, [, , a, b, c]) {
  let x = 14;
  const books = times(13, () => {
    const [width, height] = [between(random, 14, 32), between(random, 88, 150)];
    const left = x;
    x += width + 1.5;
    if (x > 312) return "";
    const fill = pick(random, [a, b, c, "#a63d40", "#d9a441"]);
    return `<g><rect x="${left.toFixed(0)}" y="${(172 - height).toFixed(0)}" width="${width.toFixed(0)}" height="${height.toFixed(0)}" rx="2.5" fill="${fill}"/>` +
      `<rect x="${(left + 4).toFixed(0)}" y="${(172 - height + 14).toFixed(0)}" width="${(width - 8).toFixed(0)}" height="4" fill="#fff" opacity=".55"/></g>`;
  });
  return `<rect y="172" width="320" height="28" fill="#1f130a" opacity=".7"/>${books}`;
}

function lattice(random, [, , a, b, c]) {
  return times(40, (n) => {
    const row = Math.floor(n / 8);
    const [x, y] = [(n % 8) * 44 + (row % 2) * 22, row * 44 + 12];
    return `<path d="M${x} ${y - 22}l22 22-22 22-22-22z" fill="${pick(random, [a, b, c, "#3d2c63"])}" opacity="${between(random, 0.25, 0.95).toFixed(2)}"/>`;
  });
}

function crowd(random, [, , a, b, c]) {
  return times(15, (n) => {
    const [x, y] = [(n % 5) * 72 + between(random, -6, 32) - 10, 92 + Math.floor(n / 5) * 40 + between(random, -8, 8)];
    const fill = pick(random, [a, b, c, "#bc4749"]);
    return disc(x, y, 15, fill) + `<path d="M${(x - 27).toFixed(0)} ${(y + 62).toFixed(0)}a27 40 0 0 1 54 0z" fill="${fill}" stroke="#40261a" stroke-opacity=".35" stroke-width="2"/>`;
  });
}

function hash(text) {
  let value = 2166136261;
  for (const character of text) value = Math.imul(value ^ character.codePointAt(0), 16777619);
  return value >>> 0;
}

/** Numbers in 0..1 that follow from a seed (mulberry32). */
function generator(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 4294967296;
  };
}

// What `backend.js` is in a deployment, for the demo, whose server signs nobody in: the page names the user it looks as.
import { fetched } from "./site/fetched.js";
import { keep, kept } from "./site/storage.js";

const NAME = "marquee.demo.account";

async function asked(path, options) {
  return (await fetched(`/demo${path}`, options)).json();
}

export const account = async () => kept(NAME, null);
export const idToken = async () => null;
export const appCheck = null;
export const isAdmin = async () => true;
export const places = () => asked("/places");
export const profile = (userId) => asked(`/users/${encodeURIComponent(userId)}`);
export const events = (ids) => (ids.length ? asked(`/events?${new URLSearchParams(ids.map((id) => ["event_id", id]))}`) : []);

export const saveProfile = (userId, fields) =>
  asked(`/users/${encodeURIComponent(userId)}`, { method: "PUT", body: JSON.stringify(fields), headers: { "Content-Type": "application/json" } });

/** Looks at the site as a user, null for a visitor. */
export const lookAs = (user) => keep(NAME, user);

export async function signIn() {
  const { openSignIn } = await import("./demo/signin.js");
  return openSignIn();
}

export const signOut = async () => lookAs(null);

/** Adds the demo's own part to a page; calls of the API and failures until it is there are told to it then. */
export async function decorate(marquee) {
  const early = [];
  let tell = (told) => early.push(told);
  marquee.on("request", (call) => tell({ call }));
  document.addEventListener("failed", ({ detail }) => tell({ error: detail }));
  const { decorate } = await import("./demo/stage.js");
  tell = decorate();
  early.forEach(tell);
}

// Who somebody is, and documents that the API does not serve: Firebase Authentication, and Firestore under its rules. This
// is the only module of the site that knows Firebase. Firestore is asked over REST, which spares visitors its SDK.
import { initializeApp } from "./vendor/firebase-app.js";
import { connectAuthEmulator, getAuth, signOut as leave } from "./vendor/firebase-auth.js";
import { fetched } from "./site/fetched.js";
import { nameOf } from "./site/wording.js";

const config = await settings("/__/firebase/init.json", (text) => JSON.parse(text));
const emulators = isLocal() ? await settings("/__/firebase/init.js?useEmulator=true", emulatorsOf) : {};
const auth = getAuth(initializeApp(config));
if (emulators.auth) connectAuthEmulator(auth, `http://${emulators.auth.hostAndPort}`, { disableWarnings: true });
const origin = emulators.firestore ? `http://${emulators.firestore.hostAndPort}` : "https://firestore.googleapis.com";
const database = `projects/${config.projectId}/databases/(default)`;

async function settings(path, parse) {
  return parse(await (await fetched(path)).text());
}

function isLocal() {
  return ["localhost", "127.0.0.1"].includes(location.hostname);
}

/** Addresses of the emulators, which Hosting's emulator tells in a script. */
function emulatorsOf(script) {
  const found = /firebaseEmulators = (\{[\s\S]*?\n\});/.exec(script);
  return found ? JSON.parse(found[1]) : {};
}

/** What may be the id of a document, apart from halves of surrogate pairs. */
const ID = /^(?!\.{1,2}$)(?!__.*__$)[^/]+$/;

/** Account of who is signed in, `{ userId, name }`, or null. */
export async function account() {
  await auth.authStateReady();
  return auth.currentUser && { userId: auth.currentUser.uid, name: nameOf(auth.currentUser) };
}

/** ID token of who is signed in, or null. */
export const idToken = async () => auth.currentUser?.getIdToken() ?? null;

/** App Check token of this app, as the client takes it: `async () => (await getToken(appCheck)).token`. Null without App Check. */
export const appCheck = null;

/** Whether who is signed in is an admin, as the claims of their ID token say; one of before a claim was given is renewed. */
export async function isAdmin() {
  await auth.authStateReady();
  const hasClaim = async (isRenewed) => (await auth.currentUser?.getIdTokenResult(isRenewed))?.claims.admin === true;
  return (await hasClaim(false)) || hasClaim(true);
}

/** Asks somebody to sign in or up. Returns the account, with `isNew` after a sign-up, or null if they did not. */
export async function signIn() {
  const { openSignIn } = await import("./site/signin.js");
  const user = await openSignIn(auth);
  return user && { userId: user.uid, name: nameOf(user), isNew: user.isNew };
}

export const signOut = () => leave(auth);

/** Places to choose from, `{ name, lat, lng }`; none where people say where they are. */
export const places = async () => [];

/** Documents of events by their ids, also of those that are cancelled or sold out, without those that are not to be seen. */
export async function events(ids) {
  const found = await Promise.all(ids.map(shown));
  return found.flatMap((fields, place) => (fields ? [{ event_id: ids[place], ...fields }] : []));
}

/** Profile of the user, `{}` for one without. */
export async function profile(userId) {
  // Unlike a request for the document, a batch of one does not fail where it is missing, so that the console stays clean.
  const body = JSON.stringify({ documents: [`${database}/documents/users/${userId}`] });
  const [{ found }] = await (await asked(`${database}/documents:batchGet`, { method: "POST", body })).json();
  return decodedFields(found);
}

/** Changes fields of the user's profile and stamps the change, as the rules demand; null deletes a field. */
export async function saveProfile(userId, fields) {
  const known = Object.entries(fields).filter(([, value]) => value !== null);
  const write = {
    update: { name: `${database}/documents/users/${userId}`, fields: Object.fromEntries(known.map(([name, value]) => [name, encoded(value)])) },
    updateMask: { fieldPaths: Object.keys(fields) },
    updateTransforms: [{ fieldPath: "updated_at", setToServerValue: "REQUEST_TIME" }],
  };
  await asked(`${database}/documents:commit`, { method: "POST", body: JSON.stringify({ writes: [write] }) });
}

/**
 * Fields of an event, null for one that is hidden or not there, between which the rules do not tell. A query for it would
 * not be refused, which shows in the console, but would not find one without a status either.
 */
async function shown(id) {
  if (!ID.test(id) || !id.isWellFormed()) return null;
  const response = await asked(`${database}/documents/events/${encodeURIComponent(id)}`, { expected: [200, 403, 404] });
  return response.ok ? decodedFields(await response.json()) : null;
}

async function asked(path, options = {}) {
  const [token, app] = await Promise.all([idToken(), appCheck?.()]);
  const headers = { ...(token && { Authorization: `Bearer ${token}` }), ...(app && { "X-Firebase-AppCheck": app }) };
  return fetched(`${origin}/v1/${path}`, { ...options, headers });
}

/** Fields of a document of Firestore's REST API as JSON, `{}` for none. */
const decodedFields = (document) => Object.fromEntries(Object.entries(document?.fields ?? {}).map(([name, value]) => [name, decoded(value)]));

/** Value of Firestore's REST API as JSON; a place of either type is `{ lat, lng }`, of which the API leaves out zeros. */
function decoded(value) {
  const [[type, content] = []] = Object.entries(value);
  if (type === "nullValue") return null;
  if (type === "integerValue" || type === "doubleValue") return Number(content);
  if (type === "geoPointValue") return { lat: content.latitude ?? 0, lng: content.longitude ?? 0 };
  if (type === "arrayValue") return (content.values ?? []).map(decoded);
  if (type === "mapValue") return decodedFields(content);
  return content;
}

function encoded(value) {
  if (typeof value === "string") return { stringValue: value };
  if (typeof value === "number") return { doubleValue: value };
  if (Array.isArray(value)) return { arrayValue: { values: value.map(encoded) } };
  return { mapValue: { fields: Object.fromEntries(Object.entries(value).map(([name, part]) => [name, encoded(part)])) } };
}

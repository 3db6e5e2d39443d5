// Parts of the site that need no page, on Node's test runner.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { heldOpen } from "../../web/site/busy.js";
import { nameOf } from "../../web/site/wording.js";

describe("names", () => {
  for (const [name, user] of Object.entries({
    Vera: { displayName: "Vera", email: "v@example.com" }, v: { displayName: null, email: "v@example.com" },
    "+33612345678": { displayName: null, email: null, phoneNumber: "+33612345678" }, you: { displayName: null, email: null, phoneNumber: null },
  })) {
    test(`a user of ${JSON.stringify(user)} is called ${name}`, () => assert.equal(nameOf(user), name));
  }
});

describe("dialogs", () => {
  const key = (name) => Object.assign(new Event("keydown", { cancelable: true }), { key: name });

  test("stay open while something in them is under way, whatever would close them", () => {
    const dialog = Object.assign(new EventTarget(), { isWorking: true, closed: 0, close() { this.closed++; }, querySelector() { return this.isWorking ? {} : null; } });
    const close = heldOpen(dialog);
    const isTaken = (event) => dialog.dispatchEvent(event);
    const ways = () => [new Event("cancel", { cancelable: true }), new Event("submit", { cancelable: true }), key("Escape")];
    close();
    assert.deepEqual([dialog.closed, ways().map(isTaken), isTaken(key("a"))], [0, [false, false, false], true]);
    dialog.isWorking = false;
    close();
    assert.deepEqual([dialog.closed, ways().map(isTaken)], [1, [true, true, true]]);
  });
});

import { expect, it } from "vitest";
import { buildKey } from "../../../src/guest/build-target.js";
import { describeLogin } from "../../../src/guest/login.js";
import { keysOfBase, loginOf } from "../../../src/run/access.js";
import { makeBuildKeys } from "../../../src/seed/keys.js";

const keys = makeBuildKeys();
const other = makeBuildKeys().client;
const user = "root";

it.each([
  ["the build's key", loginOf({ user }, keys)],
  ["the build's key and the password", loginOf({ user, password: "secret" }, keys)],
  [
    "the build's key and the key of the installed base",
    loginOf({ user }, { ...keys, base: other }),
  ],
  [
    "the build's key, the key of ssh.privateKey, and the password",
    loginOf({ user, privateKey: other.private, password: "secret" }, keys),
  ],
  ["the key of the installed base", { user, keys: keysOfBase({}, other) }],
  ["the build's key", { user, keys: [buildKey(keys)] }],
])("is described as %s", (description, login) => {
  expect(describeLogin(login)).toBe(description);
});

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import {
  addContext,
  hostFor,
  readContexts,
  removeContext,
  useContext,
} from "../../../src/hosts/contexts.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmbuild-contexts-"));
  vi.stubEnv("XDG_STATE_HOME", folder);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

const BUILDER = "ssh://me@builder.example.org:2222/srv/vmbuild";

it("refuses names and addresses that are not valid, and contexts that do not exist", async () => {
  await addContext("builder", BUILDER);
  for (const name of ["local", "a/b", "-x", ""]) {
    await expect(addContext(name, "ssh://x")).rejects.toThrow("cannot be the name of a context");
  }
  const noAddress = "is not the address of a host";
  await expect(addContext("x", "builder.example.org")).rejects.toThrow(noAddress);
  await expect(hostFor("https://builder", {})).rejects.toThrow(noAddress);
  const unknown = { message: "There is no context nowhere" };
  await expect(useContext("nowhere")).rejects.toMatchObject(unknown);
  await expect(removeContext("nowhere")).rejects.toMatchObject(unknown);
  await expect(hostFor("nowhere", {})).rejects.toMatchObject({
    ...unknown,
    hint: "The contexts are local, builder.",
  });
});

it("selects the host by the option, then the environment, then the context in use", async () => {
  expect(await hostFor(undefined, {})).toBeUndefined();
  await addContext("builder", BUILDER);
  await addContext("other", "ssh://other");
  await useContext("builder");
  expect(await hostFor(undefined, {})).toMatchObject({ text: BUILDER, port: 2222 });
  expect(await hostFor(undefined, { VMBUILD_CONTEXT: "" })).toMatchObject({ text: BUILDER });
  expect(await hostFor(undefined, { VMBUILD_CONTEXT: "other" })).toMatchObject({ host: "other" });
  expect(await hostFor("ssh://third", { VMBUILD_CONTEXT: "other" })).toMatchObject({
    host: "third",
  });
  expect(await hostFor("local", { VMBUILD_CONTEXT: "other" })).toBeUndefined();
  // Without the context in use, this host is.
  await removeContext("builder");
  expect(await readContexts()).toEqual({ contexts: { other: { address: "ssh://other" } } });
  expect(await hostFor(undefined, {})).toBeUndefined();
});

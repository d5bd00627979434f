import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { loadKeys, makeBuildKeys, publicBlob, saveKeys, tracesOf } from "../../../src/seed/keys.js";

it("makes new keys for each build, in OpenSSH's formats", () => {
  const [one, other] = [makeBuildKeys(), makeBuildKeys()];
  expect(one.client.public).toMatch(/^ssh-ed25519 AAAA\S+ vmbuild-build-key$/);
  expect(one.host.private).toMatch(/^-----BEGIN OPENSSH PRIVATE KEY-----\n/);
  const blobs = [one.client, one.host, other.client, other.host].map(publicBlob);
  expect(new Set(blobs).size).toBe(4);
});

it("stores them where only their owner can read them", async () => {
  const folder = await mkdtemp(join(tmpdir(), "vmbuild-keys-"));
  try {
    const keys = makeBuildKeys();
    const path = await saveKeys(keys, join(folder, "keys"));
    expect(await loadKeys(join(folder, "keys"))).toEqual(keys);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, "keys"))).mode & 0o777).toBe(0o700);
  } finally {
    await rm(folder, { recursive: true });
  }
});

it("finds their traces in the guest, and nothing that other keys share", () => {
  const [keys, other] = [makeBuildKeys(), makeBuildKeys()];
  const traces = tracesOf(keys);
  expect(traces.slice(0, 2)).toEqual([publicBlob(keys.client), publicBlob(keys.host)]);
  expect(traces.length).toBeGreaterThanOrEqual(5);
  const guests = keys.host.private + keys.host.public + keys.client.public;
  for (const trace of traces) expect(guests).toContain(trace);
  const others = other.host.private + other.host.public + other.client.public;
  for (const trace of traces) expect(others).not.toContain(trace);
});

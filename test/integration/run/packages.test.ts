/** The packages of a guest, for which this host stands: listed over SSH, and written beside an image. */
import { mkdir, readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { Spec, Validation } from "@cyclonedx/cyclonedx-library";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Staging } from "../../../src/artifact/publish.js";
import type { EventBody } from "../../../src/events/types.js";
import { parsePackages } from "../../../src/packages/list.js";
import { listPackages, listPackagesDuring, stagePackages } from "../../../src/run/packages.js";
import { guestOf } from "../../support/guest-of.js";
import { startSshd } from "../../support/sshd.js";
import type { Sshd } from "../../support/sshd.js";

type ListContext = Parameters<typeof listPackages>[0];
type StageContext = Parameters<typeof stagePackages>[0];

const template = { name: "demo", version: "1.0.0" } as StageContext["template"];
let sshd: Sshd;
let events: EventBody[];
beforeEach(async () => {
  sshd = await startSshd();
  events = [];
});
afterEach(() => sshd[Symbol.asyncDispose]());

function contextOf(packages: boolean): ListContext {
  const output = { packages } as ListContext["output"];
  return { output, emit: (event) => void events.push(event) };
}

it("writes the list, and an SBOM that CycloneDX's schema accepts", async () => {
  const guest = await guestOf(sshd);
  const packages = await listPackages(contextOf(true), guest);
  expect(events).toEqual([]);
  const folder = join(sshd.folder, "output");
  await mkdir(folder);
  await using staging = new Staging(folder);
  const described = await stagePackages({ template }, staging, packages, []);
  await staging.publish();
  expect(await readdir(folder)).toEqual(["packages.txt", "sbom.cdx.json"]);
  const listed = parsePackages(await readFile(join(folder, "packages.txt"), "utf8"));
  expect(described).toMatchObject({
    ...{ count: listed.length, list: "packages.txt", sbom: "sbom.cdx.json" },
  });
  expect(listed.map(({ name }) => name)).toContain("dpkg");
  const sbom = await readFile(join(folder, "sbom.cdx.json"), "utf8");
  const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6);
  expect(await validator.validate(sbom)).toBeNull();
  expect(sbom).toMatch(/"pkg:deb\/\w+\/dpkg@[^?"]+\?arch=\w+&distro=/);
});

it("lists nothing where the output has no lists", async () => {
  expect(await listPackages(contextOf(false), await guestOf(sshd))).toBeUndefined();
  const folder = join(sshd.folder, "output");
  await using staging = new Staging(folder);
  expect(await stagePackages({ template }, staging, undefined, [])).toBeUndefined();
});

it.each([
  ["lists while other work goes on", []],
  ["lists afterwards where the server opens one channel at a time", ["MaxSessions 1"]],
])("%s", async (_, configuration) => {
  await using server = await startSshd({ configuration });
  const guest = await guestOf(server);
  const work = () => guest.ask("echo worked", "working");
  const { done, packages } = await listPackagesDuring(contextOf(true), guest, work);
  expect(done).toEqual(["worked"]);
  expect(packages?.packages.map(({ name }) => name)).toContain("dpkg");
  expect(events).toEqual([]);
});

it("ends with the error of the work", async () => {
  const guest = await guestOf(sshd);
  const work = () => guest.ask("echo why >&2; exit 3", "Working");
  await expect(listPackagesDuring(contextOf(true), guest, work)).rejects.toMatchObject({
    ...{ code: "STEP_FAILED", message: "Working failed with 3", lines: ["why"] },
  });
});

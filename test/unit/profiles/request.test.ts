import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadProfile } from "../../../src/profiles/load.js";
import { planRequest } from "../../../src/profiles/request.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmbuild-profiles-"));
  await mkdir(join(folder, "profiles"));
  await mkdir(join(folder, "below/it"), { recursive: true });
});
afterEach(() => rm(folder, { recursive: true }));

/** Loads the profile `p` with this content and plans a call. */
async function plan(profile: object, inputs: Record<string, string> = {}) {
  await writeFile(join(folder, "profiles/p.json"), JSON.stringify(profile));
  const loaded = await loadProfile("p", { inputs, currentFolder: join(folder, "below/it") });
  return planRequest(loaded, inputs);
}

const failure = (code: string, text: string) =>
  expect.objectContaining({
    code,
    stack: expect.anything() as string,
    ...(code === "USAGE" ? { message: expect.stringContaining(text) as string } : {}),
  }) as Error;

describe("planRequest", () => {
  it("takes values from the profile, and paths relative to it", async () => {
    const profile = { template: "../demo.json", variables: { a: 1 }, ttl: "4h", output: "../out" };
    expect(await plan(profile)).toEqual({
      mode: "build",
      template: join(folder, "demo.json"),
      vmName: undefined,
      variables: { a: "1" },
      hosts: [],
      ttl: "4h",
      output: join(folder, "out"),
    });
  });

  it("replaces them by inputs; those without a meaning are variables", async () => {
    const inputs = {
      ...{ packer_template: "a.pkr.hcl", vm_name: "web", mode: "attach", host: "a, b:22" },
      ...{ ttl: "1h", a: "2", site: "eu" },
    };
    const profile = {
      ...{ template: "demo", variables: { a: 1, b: "${input.site}-${var.c}" } },
    };
    expect(await plan(profile, inputs)).toMatchObject({
      ...{ mode: "attach", template: "a.pkr.hcl", vmName: "web", hosts: ["a", "b:22"], ttl: "1h" },
      variables: { a: "2", b: "eu-${var.c}" },
    });
  });

  it.each([
    [{ template: "a" }, { mode: "other" }, "build or attach"],
    [{}, {}, "names no template"],
    [{ template: "a", mode: "attach" }, {}, "needs a machine"],
    [{ template: "a" }, { vm_name: "" }, "the name is empty"],
    [{}, { template: "a", packer_template: "b" }, "mutually exclusive"],
  ])("refuses %j with %j", async (profile, inputs, text) => {
    await expect(plan(profile, inputs as Record<string, string>)).rejects.toThrow(
      failure("USAGE", text),
    );
  });

  it("lists the problems of a profile with their places", async () => {
    const profile = { template: "${input.which}", placement: "moon", extra: 1 };
    const missing = await plan({ template: "${input.which}" }).catch((error: unknown) => error);
    expect(missing).toMatchObject({ code: "PROFILE_INVALID" });
    expect(JSON.stringify((missing as { lines: string[] }).lines)).toContain("--input which=VALUE");
    const error = await plan(profile, { which: "a" }).catch((thrown: unknown) => thrown);
    const lines = (error as { lines: string[] }).lines.join("\n");
    expect(lines).toContain('unknown key \\"extra\\"'.replaceAll("\\", ""));
    expect(lines).toContain('"this-host"');
  });

  it("lists the profiles that exist when the name is unknown", async () => {
    await writeFile(join(folder, "profiles/web.json"), "{}");
    const loading = loadProfile("none", { inputs: {}, currentFolder: join(folder, "below/it") });
    await expect(loading).rejects.toMatchObject({
      code: "PROFILE_NOT_FOUND",
      hint: expect.stringContaining("web") as string,
    });
  });
});

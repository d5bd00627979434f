/** What is taken for a Packer template. */
import { describe, expect, it } from "vitest";
import { join } from "node:path";
import { findPackerTemplate } from "../../../src/packer/detect.js";
import { packerFolder } from "../../support/packer.js";

const OLDER = '{ "builders": [{ "type": "qemu" }] }';
const OWN = '{ "name": "kali", "base": { "path": "x.qcow2" } }';

describe("a folder of Packer's files", () => {
  it("is a template, also beside one of Packer's older format that is named after it", async () => {
    const folder = await packerFolder({ "kali/kali.pkr.hcl": "", "kali/kali.json": OLDER });
    expect(await findPackerTemplate("kali", folder)).toBe(join(folder, "kali"));
    expect(await findPackerTemplate(".", join(folder, "kali"))).toBe(join(folder, "kali"));
  });

  it("is none where it has a template of vmbuild's own", async () => {
    const folder = await packerFolder({ "kali/kali.pkr.hcl": "", "kali/kali.json": OWN });
    expect(await findPackerTemplate("kali", folder)).toBeUndefined();
  });

  it("is none with nothing but the older format, which Packer does not load from a folder", async () => {
    const folder = await packerFolder({ "kali/kali.json": OLDER });
    expect(await findPackerTemplate("kali", folder)).toBeUndefined();
    expect(await findPackerTemplate("kali/kali.json", folder)).toBe(join(folder, "kali/kali.json"));
  });
});

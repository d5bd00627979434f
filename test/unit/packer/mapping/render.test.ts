/** Converted templates as JSON with comments. */
import { describe, expect, it } from "vitest";
import { withoutGivenSecrets } from "../../../../src/packer/mapping/given-secrets.js";
import { renderTemplate } from "../../../../src/packer/mapping/render.js";
import { loadPackerTemplate } from "../../../../src/packer/load.js";
import { convertTemplate } from "../../../../src/packer/mapping/convert.js";
import { JsonDocument } from "../../../../src/template/document.js";
import { loadDocument } from "../../../../src/template/load.js";
import { IMAGE, convertSource, packerFolder, template } from "../../../support/packer.js";

const SOURCE = `${IMAGE}
  memory           = 2048
  headless         = true
  accelerator      = "xen"
  shutdown_command = "userdel x && poweroff"
`;
const BUILD = `
  provisioner "shell" { inline = ["echo $$\{name}", "apt-get update"] }
  post-processor "manifest" {}
`;

describe("renderTemplate", () => {
  it("says what parts came from, what vanished, and what is left", async () => {
    const text = renderTemplate(await convertSource(SOURCE, BUILD), { folder: "/" });
    expect(text).toMatch(
      /^\/\/ Made by `vmbuild import` from qemu\.debian of a Packer template\.\n/,
    );
    expect(text).toMatch(/Left to do by hand:\n\/\/ - qemu\.debian accelerator \(\S+:\d+\): "xen"/);
    expect(text).toMatch(/Not needed here:\n(\/\/ - .*\n)*\/\/ - qemu\.debian headless/);
    expect(text).toMatch(/\/\/ qemu\.debian memory \(\S+:\d+\)\n\s+"memory": "2048M"/);
    expect(text).toMatch(/\/\/ provisioner shell \(\S+:\d+\)\n\s+\{/);
  });

  it("writes a template that loads", async () => {
    const text = renderTemplate(await convertSource(SOURCE, BUILD), { folder: "/" });
    const document = new JsonDocument("image.json", text);
    expect(document.syntaxProblems).toEqual([]);
    const file = { path: "/image.json", folder: "/", digest: "" };
    const { machine, steps, output } = await loadDocument(document, file);
    expect(machine.memory).toBe(2048 * 2 ** 20);
    expect(steps.map(({ name }) => name)).toEqual(["shell-echo-name", "shutdown_command"]);
    expect(steps[0]?.actions[0]?.value).toMatchObject({ run: ["echo ${name}", "apt-get update"] });
    expect(output.packerManifest).toMatchObject({ buildName: "debian" });
  });

  it("leaves out secrets that were given for the call", async () => {
    const before = 'variable "password" {\n sensitive = true\n}';
    const source = `${IMAGE}\n ssh_password = var.password`;
    const cwd = await packerFolder({ "a.pkr.hcl": template(source, "", before) });
    const variables = [["password", "hidden-1"]] as const;
    const { template: read } = loadPackerTemplate(cwd, { cwd, variables, environment: {} });
    const [image] = (await convertTemplate(read)).images;
    const text = image && renderTemplate(withoutGivenSecrets(image, read), { folder: cwd });
    expect(text).toContain('"password": { "type": "string", "sensitive": true }');
    expect(text).not.toContain("hidden-1");
  });

  it("moves paths to the folder of the result", async () => {
    const build =
      'provisioner "file" {\n source = "a/b"\n destination = "/b"\n}\nprovisioner "shell-local" { inline = ["make"] }';
    const cwd = await packerFolder({ "a.pkr.hcl": template(IMAGE, build) });
    const { template: read } = loadPackerTemplate(cwd, { cwd, environment: {} });
    const [image] = (await convertTemplate(read, { resultFolder: `${cwd}/out` })).images;
    expect(image?.template["steps"]).toMatchObject([
      { actions: [{ upload: "../a/b" }] },
      { actions: [{ local: ["cd ..", "make"] }] },
    ]);
  });
});

/** Provisioner goss. */
import { describe, expect, it } from "vitest";
import { IMAGE, convertSource, refusedOf, stepsOf } from "../../../support/packer.js";

const FILES = { "goss/goss.yaml": "package: {}\n", "vars.yaml": "a: b\n" };

describe("provisioner goss", () => {
  it("installs goss, uploads the tests, and validates them as the plugin does", async () => {
    const block = `provisioner "goss" {
      tests        = ["goss"]
      vars_file    = "vars.yaml"
      vars_inline  = { OS = "it's ubuntu" }
      vars_env     = { GOSS_USE_ALPHA = "0" }
      goss_file    = "goss/goss.yaml"
      url          = "https://example.org/v0.4.9/goss-linux-amd64"
      use_sudo     = true
      format       = "json"
      retry_timeout = "30s"
    }`;
    const inline = `--vars-inline '{"OS":"it'\\''s ubuntu"}'`;
    const goss = `/tmp/goss-0.3.9-linux-amd64 --gossfile goss/goss.yaml --vars /tmp/goss/vars.yaml ${inline}`;
    const to = "-o /tmp/goss-0.3.9-linux-amd64 https://example.org/v0.4.9/goss-linux-amd64";
    expect(await stepsOf(block, { files: FILES })).toMatchObject([
      {
        name: "goss",
        environment: { GOSS_USE_ALPHA: "0" },
        actions: [
          {
            run: [
              "mkdir -p /tmp/goss",
              `curl -fL ${to} || wget ${to.replace("-o", "-O")}`,
              "chmod 555 /tmp/goss-0.3.9-linux-amd64",
              "/tmp/goss-0.3.9-linux-amd64 --version",
            ],
          },
          { upload: "vars.yaml", to: "/tmp/goss/vars.yaml" },
          { upload: "goss/", to: "/tmp/goss/goss/" },
          {
            run: [
              `${goss} render >/tmp/goss-spec.yaml`,
              `${goss} render -d >/tmp/debug-goss-spec.yaml`,
            ],
            cwd: "/tmp/goss",
          },
          { download: "/tmp/goss-spec.yaml", hostPath: "goss-spec.yaml", overwrite: true },
          { download: "/tmp/debug-goss-spec.yaml", hostPath: "debug-goss-spec.yaml" },
          { run: [`${goss} validate --retry-timeout 30s --sleep 1s -f json`], cwd: "/tmp/goss" },
        ],
      },
    ]);
  });

  it("runs what is installed already, goes on after failures, and leaves no files here", async () => {
    const block = `provisioner "goss" {
      tests         = ["goss/goss.yaml"]
      skip_install  = true
      skip_download = true
      inspect       = true
      download_path = "/usr/local/bin/goss"
      remote_path   = "/srv/tests"
    }`;
    expect(await stepsOf(block, { files: FILES })).toMatchObject([
      {
        actions: [
          { run: ["mkdir -p /srv/tests"] },
          { upload: "goss/goss.yaml", to: "/srv/tests/goss.yaml" },
          {
            run: [
              '/usr/local/bin/goss validate --retry-timeout 0s --sleep 1s || echo "goss found failures"',
            ],
          },
        ],
      },
    ]);
  });

  it("runs as the user of the login, and is refused for Windows", async () => {
    const options = IMAGE.replace('"root"', '"debian"');
    const block = 'provisioner "goss" { tests = ["goss/goss.yaml"] }';
    const image = await convertSource(options, block, { files: FILES });
    expect(JSON.stringify(image.template["steps"])).toContain('"owner":"debian:"');
    expect(JSON.stringify(image.template["steps"]).match(/"user":"debian"/g)).toHaveLength(3);
    const other = block.replace("}", ' target_os = "Windows" }').replace("] ", "]\n");
    const windows = await convertSource(IMAGE, other, { files: FILES });
    expect(refusedOf(windows).join()).toContain("no Windows guests");
  });
});

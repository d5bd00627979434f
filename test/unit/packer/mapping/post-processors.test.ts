/** Post-processors and the parts of a template that they become. */
import { describe, expect, it } from "vitest";
import { IMAGE, convertSource, refusedOf } from "../../../support/packer.js";

async function madeBy(blocks: string) {
  const image = await convertSource(IMAGE, blocks);
  return { ...image.template, refused: refusedOf(image) } as Record<string, unknown>;
}

describe("post-processors", () => {
  it("write Packer's manifest", async () => {
    const made = await madeBy(
      'post-processor "manifest" {\n strip_path = true\n custom_data = { b = "2", a = "1" }\n}',
    );
    expect(made["output"]).toMatchObject({
      packerManifest: {
        file: "packer-manifest.json",
        buildName: "debian",
        builderType: "qemu",
        stripPath: true,
        customData: { a: "1", b: "2" },
      },
    });
  });

  it.each(["", "${var.release}/"])(
    "write Packer's manifest under another name where vmbuild's own is: out/%s",
    async (folder) => {
      const image = await convertSource(
        `${IMAGE}\n output_directory = "out/${folder}"`,
        `post-processor "manifest" { output = "out/${folder}manifest.json" }`,
        { files: { "more.pkr.hcl": 'variable "release" { default = "1.0" }' } },
      );
      const file = `out/${folder}packer-manifest.json`;
      expect(image.template["output"]).toMatchObject({ packerManifest: { file } });
      const said = image.report.map(({ text }) => text).join("\n");
      expect(said).toContain("manifest.json in the output folder is vmbuild's own manifest");
      expect(refusedOf(image)).toEqual([]);
    },
  );

  it("write checksum files", async () => {
    const made = await madeBy(
      'post-processor "checksum" {\n checksum_types = ["sha1", "sha384"]\n output = "out/{{.BuildName}}.{{.ChecksumType}}"\n}',
    );
    expect(made["output"]).toMatchObject({ checksums: ["sha256", "md5", "sha1"] });
    expect(made["after"]).toEqual([
      {
        run: [
          "mkdir -p out",
          `printf '%s\\t%s\\n' "\${image.sha1}" "\${image.name}" >out/debian.sha1`,
          `printf '%s\\t%s\\n' "$(sha384sum <"$VMBUILD_IMAGE_PATH" | cut -d ' ' -f 1)" "\${image.name}" >out/debian.sha384`,
        ],
      },
    ]);
  });

  it.each([
    [
      "x.tar.gz",
      'tar -C "$(dirname "$VMBUILD_IMAGE_PATH")" -caf x.tar.gz "$(basename "$VMBUILD_IMAGE_PATH")"',
    ],
    ["x.gz", 'gzip -c "$VMBUILD_IMAGE_PATH" >x.gz'],
    ["x.zip", 'rm -f x.zip && zip -j x.zip "$VMBUILD_IMAGE_PATH"'],
  ])("compress to %s", async (output, command) => {
    const made = await madeBy(`post-processor "compress" { output = "${output}" }`);
    expect(made["after"]).toEqual([{ run: ["mkdir -p .", command] }]);
  });

  it("make a box, and run commands once", async () => {
    const made = await madeBy(
      'post-processor "vagrant" { output = "boxes/x.box" }\npost-processor "shell-local" { inline = ["ls"] }',
    );
    expect(made["output"]).toMatchObject({
      formats: [{ format: "vagrant-libvirt", filename: "x.box" }],
    });
    expect(made["after"]).toEqual([
      {
        run: [
          '[ "$VMBUILD_IMAGE_FORMAT" = vagrant-libvirt ] || exit 0',
          "mkdir -p boxes",
          'cp --reflink=auto "$VMBUILD_IMAGE_PATH" boxes/x.box',
        ],
      },
      { run: ['[ "$VMBUILD_IMAGE_FORMAT" = qcow2 ] || exit 0', "ls"] },
    ]);
  });

  it("add a Vagrantfile to the box", async () => {
    const files = {
      "Vagrantfile.template":
        'Vagrant.configure("2") do |config|\n  # {{ .Provider }} ${name}\n  config.ssh.shell = "sh"\nend\n',
    };
    const block = 'post-processor "vagrant" { vagrantfile_template = "Vagrantfile.template" }';
    const image = await convertSource(IMAGE, block, { files });
    expect(refusedOf(image)).toEqual([]);
    expect(image.template["output"]).toMatchObject({
      formats: [
        {
          format: "vagrant-libvirt",
          filename: "packer_debian_libvirt.box",
          vagrantfile:
            'Vagrant.configure("2") do |config|\n  # libvirt $${name}\n  config.ssh.shell = "sh"\nend\n',
        },
      ],
    });
  });

  it.each([
    ["missing", {}, "there is no file V that can be read"],
    [
      "wrong",
      { V: "{{ .ArtifactId }}" },
      'V cannot be filled in: "{{ .ArtifactId }}" is not known',
    ],
  ])("name a Vagrantfile that is %s", async (_what, files, reason) => {
    const block = 'post-processor "vagrant" { vagrantfile_template = "V" }';
    const image = await convertSource(IMAGE, block, { files });
    expect(refusedOf(image)).toEqual([
      expect.stringContaining(`post-processor vagrant vagrantfile_template: ${reason}`),
    ]);
  });

  it("add texts to the box, and nothing else", async () => {
    const files = { "tpl/info.json": '{ "author": "${x}" }\n', "efi.fd": "a\0b" };
    const boxOf = async (include: string) =>
      convertSource(IMAGE, `post-processor "vagrant" { include = [${include}] }`, { files });
    const image = await boxOf('"tpl/info.json"');
    expect(refusedOf(image)).toEqual([]);
    expect(image.template["output"]).toMatchObject({
      formats: [{ boxFiles: { "info.json": '{ "author": "$${x}" }\n' } }],
    });
    expect(refusedOf(await boxOf('"efi.fd"')).join()).toContain("efi.fd is no text");
    expect(refusedOf(await boxOf('"out/made"')).join()).toContain("does not exist before");
  });

  it("are refused where they publish the image", async () => {
    const made = await madeBy('post-processor "vagrant-cloud" { box_tag = "a/b" }');
    expect(String(made["refused"])).toContain("post-processor vagrant-cloud: ");
  });
});

/** Defines the `publish` command. */
import { Command } from "@commander-js/extra-typings";
import { addOutputOptions, addTemplateOptions } from "../options.js";
import type { DefineCommand } from "./define.js";

export const publish: DefineCommand = (setExitCode) => {
  const command = new Command("publish")
    .description("place finished images in a folder of this host or of another")
    .argument("[template...]", "the templates of the images")
    .requiredOption("--to <target>", "a folder, a file, or ssh://user@host/path")
    .option("--patches <target>", "also place the archives of patches: a folder, or as for --to")
    .option("--entries", "print the lines for manifest.yaml of a release, and all else on stderr")
    .option("--root <folder>", "with --entries: print paths relative to this folder of the target")
    .option("--all", "publish every image that was built from a template under appliances/")
    .option("--format <format>", "publish this format, converted where needed")
    .option(
      "--compression <kind>",
      "publish images with this compression: zlib for QEMU before 5.1",
    )
    .option("--image <dir>", "look for the image in this folder, not in the template's")
    .option("--identity <file>", "log in with this private key, not with those of ~/.ssh")
    .option("--metadata", "also place the manifest, packages.txt and the SBOM beside the image")
    .option("--dry-run", "show what would be done, and change nothing")
    .option("--json", "print the result as one JSON object");
  return addOutputOptions(addTemplateOptions(command))
    .addHelpText(
      "after",
      `
A target that ends in / or is a folder gets a file with the image's own name. In the name of a file,
\${name} and \${version} are filled in. A file with the same content is left as it is. Every file is
written under a temporary name, read back, and renamed; its sha256 is beside it.

The exit code is 1 when --all finds no image.

Examples:
  vmbuild publish demo --to /srv/images/
  vmbuild publish --all --to '/var/lib/vz/template/iso/\${name}.img'
  vmbuild publish demo --to ssh://root@pve.example.org/var/lib/vz/template/iso/demo.img \\
    --compression zlib
  vmbuild publish rocky8-base --to ssh://root@mirror.example.org/var/www/html/builds/ \\
    --patches ssh://root@mirror.example.org/var/www/html/repos/Rocky8/ \\
    --entries --root /var/www/html`,
    )
    .action(async (names, flags) => {
      const work = await import("../publish.js");
      setExitCode(await work.publish(names, flags));
    });
};

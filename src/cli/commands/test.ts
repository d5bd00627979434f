/** Defines the `test` command. */
import { Command } from "@commander-js/extra-typings";
import { addOutputOptions, addTemplateOptions } from "../options.js";
import { addBootOptions } from "./boot-options.js";
import type { DefineCommand } from "./define.js";
import { addReportOptions } from "./report-options.js";
import { addStickTestOptions } from "./stick-test-options.js";

export const test: DefineCommand = (setExitCode) => {
  const command = addReportOptions(
    new Command("test")
      .description(
        "boot a finished image and run its acceptance checks, or try its installer stick",
      )
      .argument("<template>", "the template of the image; with --installer FILE, any name"),
  ).option(
    "--console <file>",
    "write the serial console to this file, that of later starts to FILE.2, …",
  );
  return addOutputOptions(addTemplateOptions(addBootOptions(addStickTestOptions(command))))
    .addHelpText(
      "after",
      `
The template's acceptance section lists the checks and how the image is booted for them
(docs/acceptance.md). The image is not changed. The exit code is 8 when a check fails or cannot
be made.

With --installer, the stick made by vmbuild installer is started as a USB disk beside an empty
disk, which then starts alone until it shows a login prompt or its SSH server answers
(docs/usb-installer.md). Without --firmware and --target, that is done with BIOS and SATA, UEFI and
virtio, UEFI and NVMe; otherwise, with each of the given ones.

Examples:
  vmbuild test demo
  vmbuild test slm-copilot --accel tcg --memory 4G --junit report.xml
  vmbuild test slm-copilot --context ETH0_METHOD=dhcp --json
  vmbuild test debian-12 --installer
  vmbuild test nodes --installer /srv/nodes.img --firmware secure-boot --target nvme`,
    )
    .action(async (name, flags) => {
      const stick = await import("../test-installer.js");
      if (stick.testsStick(flags)) return setExitCode(await stick.testInstaller(name, flags));
      const work = await import("../test.js");
      setExitCode(await work.test(name, flags));
    });
};

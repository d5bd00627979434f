/** Defines the `screen` command. */
import { Command } from "@commander-js/extra-typings";
import type { DefineCommand } from "./define.js";
import { addOnOption } from "./on-option.js";

export const screen: DefineCommand = (setExitCode) =>
  addOnOption(
    new Command("screen")
      .description("save a picture of the screen of a running build's machine")
      .argument("<name>", "the build")
      .argument("[file]", "the PNG file (default: NAME-screen.png in the current folder)")
      .option("-f, --follow", "rewrite the file when the screen changes, until the machine ends")
      .option("--output <file>", "write the picture to this file, like FILE")
      .option("--vnc", "open VNC on 127.0.0.1 and print its address, in place of a picture"),
  )
    .addHelpText(
      "after",
      `
The path of the file is printed. Machines have a screen while an installer runs; the console of
others is shown by vmbuild logs NAME --console. With --on, the file is on this host.

VNC asks for no password: other users of this host can see the screen and type. It stays open until
the machine ends.

Examples:
  vmbuild screen demo
  vmbuild screen demo /tmp/demo.png --follow
  vmbuild screen demo --on builder
  vncviewer "$(vmbuild screen demo --vnc)"`,
    )
    .action(async (name, file, flags) => {
      const { hostFor } = await import("../../hosts/contexts.js");
      const address = await hostFor(flags.on);
      if (address !== undefined) {
        const elsewhere = await import("../screen-on.js");
        return setExitCode(await elsewhere.screenOn(address, name, file, flags));
      }
      const work = await import("../screen.js");
      setExitCode(await work.screen(name, file, flags));
    });

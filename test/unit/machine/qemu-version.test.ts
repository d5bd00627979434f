import { describe, expect, it } from "vitest";
import { parseQemuVersion } from "../../../src/machine/qemu-version.js";

describe("parseQemuVersion", () => {
  it.each([
    ["QEMU emulator version 6.2.0 (Debian 1:6.2+dfsg-2ubuntu6.27)", "6.2.0", 6, 2],
    ["QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)", "7.2.22", 7, 2],
    ["QEMU emulator version 8.2.2 (Debian 1:8.2.2+ds-0ubuntu1)", "8.2.2", 8, 2],
    ["QEMU emulator version 9.1.3 (qemu-9.1.3-2.fc41)", "9.1.3", 9, 1],
    ["QEMU emulator version 10.0.11 (Debian 1:10.0.11+ds-1)", "10.0.11", 10, 0],
    ["qemu-img version 10.1.50 (v10.1.0-12-gabc)", "10.1.50", 10, 1],
    ["QEMU emulator version 9.0", "9.0.0", 9, 0],
  ])("reads %s", (output, text, major, minor) => {
    const version = parseQemuVersion(`${output}\nCopyright (c) 2003-2025 Fabrice Bellard\n`);
    expect(version).toMatchObject({ text, major, minor });
  });

  it.each(["", "bash: qemu: command not found", "QEMU emulator, version unknown"])(
    "does not understand %j",
    (output) => expect(parseQemuVersion(output)).toBeUndefined(),
  );
});

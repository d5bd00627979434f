/** Implements `vmbuild screen --on`: saves the screen of a machine of another host. */
import { VmbuildError } from "../errors.js";
import type { HostAddress } from "../hosts/address.js";
import { whileConnected } from "../hosts/reconnect.js";
import { remotePicture } from "../hosts/screen.js";
import { interruptible } from "./interrupt.js";
import { createOutput } from "./output.js";
import { isMachineEnd, savePictures, screenFile } from "./screen.js";
import type { ScreenFlags } from "./screen.js";

/** Runs the command for another host; returns the exit code. The file is on this one. */
export async function screenOn(
  address: HostAddress,
  name: string,
  text: string | undefined,
  flags: ScreenFlags,
): Promise<number> {
  if (flags.vnc) {
    throw new VmbuildError("USAGE", "--vnc cannot be used with --on", {
      hint: `Run vmbuild screen ${name} --vnc on ${address.text}, and forward the port that it prints: ssh -L.`,
    });
  }
  const output = createOutput();
  const file = screenFile(name, text, flags);
  let count = 0;
  let isPrinted = false;
  await interruptible((signal) =>
    whileConnected(
      {
        ...{ address, signal, progress: () => count },
        onLost: () => output.log(`The connection to ${address.text} was lost; connecting again`),
      },
      async (connection) => {
        const take = async (previous: Buffer | undefined): Promise<Buffer> => {
          const picture = await remotePicture(connection, name, previous);
          count++;
          return picture;
        };
        const onFirst = (path: string): void => {
          if (!isPrinted) output.print(path);
          isPrinted = true;
        };
        const options = { file, follow: flags.follow ?? false, signal, onFirst };
        await savePictures(take, options).catch((error: unknown) => {
          // The machine has ended while there was no connection.
          if (!isPrinted || !isMachineEnd(error)) throw error;
        });
      },
    ),
  );
  return 0;
}

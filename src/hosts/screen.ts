/** Gets pictures of the screens of another host's machines. */
import { createHash } from "node:crypto";
import { z } from "zod";
import type { HostConnection } from "./connect.js";

const answerSchema = z.object({ changed: z.boolean() });

/**
 * Returns the current picture of the machine of a build as PNG.
 * @param previous picture that is here already, which is not sent again.
 * @throws {VmbuildError} the errors of the other side; REMOTE_UNREACHABLE.
 */
export async function remotePicture(
  connection: HostConnection,
  name: string,
  previous: Buffer | undefined,
): Promise<Buffer> {
  const known = previous && createHash("sha256").update(previous).digest("hex");
  const parts: Buffer[] = [];
  const { changed } = await connection.request(
    answerSchema,
    { do: "screen", name, ...(known === undefined ? {} : { known }) },
    {
      async onPart(part) {
        parts.push(part);
      },
    },
  );
  return changed || previous === undefined ? Buffer.concat(parts) : previous;
}

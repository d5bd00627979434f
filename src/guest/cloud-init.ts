/** Waits for cloud-init to finish with a template's own user-data, and reports its errors. */
import { z } from "zod";
import { VmbuildError } from "../errors.js";
import type { Guest } from "./guest.js";

const statusSchema = z.object({
  status: z.string().default("unknown"),
  detail: z.string().optional(),
  errors: z.array(z.unknown()).default([]),
});

/** cloud-init may install packages; this is for one that never ends. */
const DEADLINE_MS = 30 * 60_000;

/**
 * Waits until cloud-init is done. Its exit code is 0 for success, 1 for a crash and, from 23.4
 * on, 2 for errors that it recovered from; `disabled` is 0 too (facts: cloud-init).
 * @throws {VmbuildError} GUEST_CLOUD_INIT with its errors.
 */
export async function waitForCloudInit(guest: Guest): Promise<void> {
  const lines: string[] = [];
  const command =
    'command -v cloud-init >/dev/null || { echo \'{"status":"not installed"}\'; exit 0; }\n' +
    "cloud-init status --wait >/dev/null; cloud-init status --format json";
  await guest.run({
    content: command,
    interpreter: ["/bin/sh"],
    timeoutMs: DEADLINE_MS,
    onLine: (line, stream) => stream === "stdout" && lines.push(line),
  });
  const text = lines.join("\n");
  let answer: z.infer<typeof statusSchema>;
  try {
    answer = statusSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new VmbuildError("GUEST_CLOUD_INIT", "cloud-init's status could not be read", {
      cause,
      lines,
    });
  }
  if (answer.status === "done" && answer.errors.length === 0) return;
  throw new VmbuildError("GUEST_CLOUD_INIT", `cloud-init's status is "${answer.status}"`, {
    lines: [...answer.errors.map(String), ...(answer.detail ? [answer.detail] : [])],
    hint: "The guest's /var/log/cloud-init-output.log has more; correct the user-data.",
  });
}

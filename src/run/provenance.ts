/** Writes the provenance of an image beside it, and signs it. */
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Manifest } from "../artifact/manifest.js";
import { provenanceNames } from "../artifact/names.js";
import { formatEnvelope, provenanceOf } from "../artifact/provenance.js";
import type { Staging } from "../artifact/publish.js";
import { VmbuildError } from "../errors.js";
import { describeExit, runProgram } from "../host/programs.js";
import type { ContextWith } from "./context.js";

type Context = ContextWith<"template" | "output" | "workspace" | "options">;

/** Returns the values of the variables, without those that are sensitive. */
function publicVariables({ values, variables }: Context["template"]): Record<string, unknown> {
  const shown = [...values].filter(([name]) => variables[name]?.sensitive !== true);
  return Object.fromEntries(shown);
}

/**
 * Signs a file as `ssh-keygen -Y sign` does (PROTOCOL.sshsig of OpenSSH), without asking for a
 * passphrase.
 * @param folder for temporary files.
 * @throws {VmbuildError} PROVENANCE_SIGN with ssh-keygen's output; HOST_PROGRAM_MISSING; the
 *   signal's own reason when it aborted.
 */
async function signWithSshKey(
  content: string,
  key: string,
  folder: string,
  signal: AbortSignal,
): Promise<string> {
  const path = join(folder, "provenance");
  const signature = `${path}.sig`;
  try {
    await writeFile(path, content, { mode: 0o600 });
    await rm(signature, { force: true });
    const args = ["-Y", "sign", "-q", "-n", "file", "-f", key, path];
    const env = { SSH_ASKPASS: "/bin/false", SSH_ASKPASS_REQUIRE: "force" };
    const result = await runProgram("ssh-keygen", args, { signal, env });
    signal.throwIfAborted();
    if (result.exitCode === 0) return await readFile(signature, "utf8");
    throw new VmbuildError(
      "PROVENANCE_SIGN",
      `The provenance could not be signed with ${key}: ssh-keygen ${describeExit(result)}`,
      { lines: result.lastLines },
    );
  } finally {
    for (const file of [path, signature]) await rm(file, { force: true });
  }
}

/**
 * Writes the provenance, and its signature where a key is given, under temporary names.
 * @returns what the manifest says about them; undefined where the output has none.
 * @throws {VmbuildError} as {@link signWithSshKey}.
 */
export async function stageProvenance(
  { template, output, workspace, options }: Context,
  staging: Staging,
  manifest: Manifest,
): Promise<Manifest["provenance"]> {
  const { provenance } = output;
  if (!provenance) return undefined;
  const { builder, signingKey } = provenance;
  const { runId, run } = workspace;
  const facts = { builder, runId, variables: publicVariables(template) };
  const content = formatEnvelope(provenanceOf(manifest, facts));
  const [statement, signature] = provenanceNames(output.filename);
  await staging.write(statement, "companion", content);
  if (signingKey === undefined) return { statement };
  const signed = await signWithSshKey(content, signingKey, run.scratch, options.signal);
  await staging.write(signature, "companion", signed);
  return { statement, signature };
}

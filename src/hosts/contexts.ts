/** Keeps the user's contexts: names for the addresses of other hosts. */
import { join } from "node:path";
import { z } from "zod";
import { VmbuildError, systemCode } from "../errors.js";
import { makePrivateFolder, readIfThere, writeFileAtomic } from "../host/files.js";
import { stateRoot } from "../host/folders.js";
import { isHostAddress, parseHostAddress } from "./address.js";
import type { HostAddress } from "./address.js";

/** Name that stands for this host. */
export const LOCAL = "local";

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

const schema = z.object({
  /** Name of the context in use; undefined for this host. */
  current: z.string().optional(),
  contexts: z.record(z.string(), z.object({ address: z.string() })),
});

/** Contexts of the user. */
export type Contexts = z.infer<typeof schema>;

function contextsFile(): string {
  return join(stateRoot(), "contexts.json");
}

async function readText(): Promise<string | undefined> {
  try {
    return await readIfThere(contextsFile());
  } catch (error) {
    // A state folder that cannot be used is reported by the commands that need one.
    if (["EACCES", "ENOTDIR"].includes(systemCode(error) ?? "")) return undefined;
    throw error;
  }
}

/**
 * Reads the contexts.
 * @throws {VmbuildError} HOST_FOLDER when their file is damaged.
 */
export async function readContexts(): Promise<Contexts> {
  const text = await readText();
  if (text === undefined) return { contexts: {} };
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new VmbuildError("HOST_FOLDER", `${contextsFile()} is not a valid list of contexts`, {
      cause,
      hint: "Correct or remove the file, then add the contexts again.",
    });
  }
}

async function write(contexts: Contexts): Promise<void> {
  await makePrivateFolder(stateRoot());
  await writeFileAtomic(contextsFile(), `${JSON.stringify(contexts, null, 2)}\n`, 0o600);
}

function unknownContext(name: string, { contexts }: Contexts): VmbuildError {
  const names = Object.keys(contexts);
  return new VmbuildError("USAGE", `There is no context ${name}`, {
    hint:
      names.length === 0
        ? "Add one: vmbuild context add NAME ssh://USER@HOST. Or give the address itself."
        : `The contexts are ${[LOCAL, ...names].join(", ")}.`,
  });
}

/**
 * Adds a context, or changes its address.
 * @throws {VmbuildError} USAGE for an invalid name or address.
 */
export async function addContext(name: string, address: string): Promise<void> {
  if (!NAME.test(name) || name === LOCAL) {
    throw new VmbuildError("USAGE", `${JSON.stringify(name)} cannot be the name of a context`, {
      hint: `Use letters, digits, dots, dashes and underscores; ${LOCAL} is this host.`,
    });
  }
  parseHostAddress(address);
  const { contexts, ...rest } = await readContexts();
  await write({ ...rest, contexts: { ...contexts, [name]: { address } } });
}

/**
 * Uses a context from now on; `local` is this host.
 * @throws {VmbuildError} USAGE when there is none of that name.
 */
export async function useContext(name: string): Promise<void> {
  const known = await readContexts();
  const { contexts } = known;
  if (name === LOCAL) return write({ contexts });
  if (!Object.hasOwn(contexts, name)) throw unknownContext(name, known);
  await write({ contexts, current: name });
}

/**
 * Removes a context. If it is in use, this host is used from now on.
 * @throws {VmbuildError} USAGE when there is none of that name.
 */
export async function removeContext(name: string): Promise<void> {
  const known = await readContexts();
  if (!Object.hasOwn(known.contexts, name)) throw unknownContext(name, known);
  const { [name]: _removed, ...contexts } = known.contexts;
  const { current } = known;
  await write({ contexts, ...(current === undefined || current === name ? {} : { current }) });
}

/**
 * Returns the host that a command is for: by its option, the environment, or the context in use.
 * @param on value of `--on`: an address or a context.
 * @returns undefined for this host.
 * @throws {VmbuildError} USAGE for an unknown context or an invalid address.
 */
export async function hostFor(
  on: string | undefined,
  environment = process.env,
): Promise<HostAddress | undefined> {
  const variable = environment["VMBUILD_CONTEXT"];
  const given = on ?? (variable === "" ? undefined : variable);
  if (given !== undefined && isHostAddress(given)) return parseHostAddress(given);
  if (given === LOCAL) return undefined;
  const known = await readContexts();
  const name = given ?? known.current;
  if (name === undefined) return undefined;
  const context = Object.hasOwn(known.contexts, name) ? known.contexts[name] : undefined;
  if (context === undefined) throw unknownContext(name, known);
  return parseHostAddress(context.address);
}

/** Implements `vmbuild context`. */
import { isAbsolute } from "node:path";
import { VmbuildError } from "../errors.js";
import { LOCAL, addContext, readContexts, removeContext, useContext } from "../hosts/contexts.js";
import { serve } from "../hosts/server/serve.js";
import { vmbuildVersion } from "../version.js";
import { createOutput } from "./output.js";
import { alignRows } from "./table.js";

/** Adds a context; returns the exit code. */
export async function add(name: string, address: string): Promise<number> {
  await addContext(name, address);
  createOutput().log(
    `Added the context ${name}. To use it from now on: vmbuild context use ${name}.`,
  );
  return 0;
}

/** Uses a context; returns the exit code. */
export async function use(name: string): Promise<number> {
  await useContext(name);
  createOutput().log(
    `The commands with --on now work on ${name === LOCAL ? "this host" : name} by default.`,
  );
  return 0;
}

/** Lists the contexts; returns the exit code. */
export async function list({ json }: { readonly json?: boolean }): Promise<number> {
  const output = createOutput();
  const { current = LOCAL, contexts } = await readContexts();
  const rows = [
    { name: LOCAL, address: null },
    ...Object.entries(contexts).map(([name, { address }]) => ({ name, address })),
  ].map((row) => ({ ...row, current: row.name === current }));
  if (json) {
    output.printJson({ contexts: rows });
    return 0;
  }
  const lines = rows.map((row) => [row.current ? "*" : "", row.name, row.address ?? "this host"]);
  for (const line of alignRows(lines)) output.print(line);
  return 0;
}

/** Removes a context; returns the exit code. */
export async function remove(name: string): Promise<number> {
  await removeContext(name);
  createOutput().log(`Removed the context ${name}. Nothing on its host was changed.`);
  return 0;
}

/** Answers the vmbuild of another host on standard input; returns the exit code. */
export async function serveHost(): Promise<number> {
  const folder = process.env["VMBUILD_HOSTS_FOLDER"];
  const [main] = process.argv.slice(1);
  if (folder === undefined || !isAbsolute(folder) || main === undefined) {
    throw new VmbuildError("USAGE", "context serve is started by the vmbuild of another host", {
      hint: "Use vmbuild run NAME --on ssh://USER@HOST there.",
    });
  }
  await serve({
    stdin: process.stdin,
    stdout: process.stdout,
    version: vmbuildVersion(),
    folder,
    program: [process.execPath, ...process.execArgv, main],
  });
  return 0;
}

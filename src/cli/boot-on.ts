/** Implements `vmbuild boot --on`: starts a finished image on another host. */
import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import { VmbuildError } from "../errors.js";
import type { HostAddress } from "../hosts/address.js";
import { prepareRemoteBoot, stayAlive } from "../hosts/boot.js";
import { HostConnection } from "../hosts/connect.js";
import { requireFreePorts } from "../image/start.js";
import type { BootFlags } from "./boot.js";
import { parseContext } from "./context-flag.js";
import { givenOptions, runThere } from "./elsewhere.js";
import { parseForward } from "./forward-option.js";
import type { PortForward } from "./forward-option.js";
import { translateOptions, variablesOfEnvironment } from "./host-arguments.js";
import { interruptible } from "./interrupt.js";
import { loadFromFlags } from "./options.js";
import { createOutput } from "./output.js";

/** Options that only this side uses, or that are translated by themselves. */
const HERE: ReadonlySet<string> = new Set(["on", "forward"]);

/** Options that have no effect there, and the reasons. */
const REFUSED: Readonly<Record<string, string>> = {
  output: "the image is where the last run there has put it",
  console: "without --ssh and a command, the console is on standard output; use > FILE",
  base: "the base of a finished image is not used",
};

/** Returns the name of the build that an argument means: the name itself, or that of a template. */
async function buildName(text: string, flags: BootFlags): Promise<string> {
  const isPath = text.includes("/") || /\.(json|jsonc|ya?ml|hcl)$/.test(text);
  return isPath ? (await loadFromFlags(text, flags)).name : text;
}

/** Returns the variables of the environment that the command there needs. */
function environmentFor({ context = [] }: BootFlags): Record<string, string> {
  // Values of the guest's context whose names alone are given.
  const names = context.filter((text) => !text.includes("="));
  return {
    ...variablesOfEnvironment(),
    ...Object.fromEntries(names.map((name) => [name, process.env[name] ?? ""])),
  };
}

/** Returns the options of ssh that lead ports of this host to those there. */
function forwardOptions(forwards: readonly PortForward[], ports: readonly number[]): string[] {
  const all = forwards.flatMap(({ host }, index) => [
    "-L",
    `127.0.0.1:${host}:127.0.0.1:${ports[index] ?? 0}`,
  ]);
  // A connection that is shared with other commands would keep the ports open after this one.
  return all.length === 0 ? [] : ["-o", "ControlPath=none", ...all];
}

/** Runs the command for another host; returns the exit code of the command in the guest, or 0. */
export async function bootOn(
  address: HostAddress,
  [text, ...words]: readonly [string, ...string[]],
  flags: BootFlags,
  command: CommandUnknownOpts,
): Promise<number> {
  const output = createOutput(flags);
  const given = givenOptions(command);
  const refused = given.find(({ key }) => Object.hasOwn(REFUSED, key));
  if (refused) {
    const reason = REFUSED[refused.key] ?? "";
    throw new VmbuildError("USAGE", `${refused.flag} cannot be used with --on: ${reason}`);
  }
  // Invalid values are reported before a connection is opened.
  parseContext(flags.context, process.env);
  const forwards = (flags.forward ?? []).map(parseForward);
  await requireFreePorts(forwards);
  const name = await buildName(text, flags);
  const request = {
    ...{ name, environment: environmentFor(flags) },
    arguments: translateOptions(given.filter(({ key }) => !HERE.has(key))),
    forwards: forwards.map(({ guest }) => guest),
  };
  return interruptible(async (signal) => {
    using connection = await HostConnection.open(address, signal);
    const { words: start, ports } = await prepareRemoteBoot(connection, request);
    for (const { host, guest } of forwards) {
      output.log(`127.0.0.1:${host} leads to port ${guest} of the guest on ${address.text}`);
    }
    const over = new AbortController();
    const alive = stayAlive(connection, over.signal);
    try {
      const options = { sshOptions: forwardOptions(forwards, ports), hasAnswered: true };
      return await runThere(address, [...start, ...words], options);
    } finally {
      over.abort();
      await alive;
    }
  });
}

/**
 * Inspects the destination of a tree in the guest before it is unpacked there. Existing folders
 * keep their mode and owner, and links to folders stay links. No tar program does both by itself,
 * so such folders are left out of the archive.
 */
import { VmbuildError } from "../errors.js";
import { shellQuote } from "../host/programs.js";
import { runQuietly } from "./script.js";
import type { TransferContext } from "./transfer.js";
import type { NumericOwner } from "../host/tar-write.js";
import type { TreeEntry } from "../host/tree.js";

/** Tree as it is to be unpacked in the guest. */
export interface TreeToUnpack {
  /** Entries to create, without the folders that already exist. */
  readonly entries: readonly TreeEntry[];
  readonly owner: NumericOwner;
}

const DEADLINE_MS = 600_000;
const MAX_LINES = 10;

/** Quotes a name for the shell byte by byte. The result must be encoded as latin1. */
const quoted = (name: Buffer): string => shellQuote(`./${name.toString("latin1")}`);

async function ask(context: TransferContext, lines: readonly string[], what: string) {
  const { connection, signal, privilege } = context;
  const command = Buffer.from(lines.join("\n"), "latin1");
  const limits = { privilege, timeoutMs: DEADLINE_MS };
  const result = await runQuietly(connection, command, signal, limits);
  const { end } = result;
  if (end.exitCode === 0) return result.lines;
  const how = end.timedOut ? "timed out" : `failed in the guest (exit ${end.exitCode})`;
  throw new VmbuildError("STEP_FAILED", `${what} ${how}`, {
    lines: result.output.slice(-MAX_LINES),
  });
}

/**
 * Returns shell code that changes to the destination. If it does not exist yet, there can be no
 * conflict.
 */
const enter = (to: string): string =>
  `cd ${Buffer.from(shellQuote(to)).toString("latin1")} 2>/dev/null || exit 0`;

/** Resolves an owner to the user and group ids that chown(1) would use. */
async function resolveOwner(
  context: TransferContext,
  owner: string | undefined,
): Promise<NumericOwner> {
  if (owner === undefined) return { uid: 0, gid: 0 };
  const name = Buffer.from(shellQuote(owner)).toString("latin1");
  const script = [
    "f=$(mktemp) || exit 1",
    `chown -- ${name} "$f" && ls -nd "$f"`,
    'c=$?; rm -f "$f"; exit $c',
  ];
  const [answer = ""] = await ask(context, script, `Setting the owner ${owner}`);
  const [, , uid, gid] = answer.split(/\s+/).map(Number);
  if (Number.isSafeInteger(uid) && Number.isSafeInteger(gid)) {
    return { uid: uid ?? 0, gid: gid ?? 0 };
  }
  throw new VmbuildError(
    "STEP_FAILED",
    `The numeric IDs of the owner ${owner} could not be read in the guest`,
    {
      lines: [answer],
    },
  );
}

/** Runs a shell test for each entry and groups the entries by the word that the test prints. */
async function testEach(
  context: TransferContext,
  to: string,
  entries: readonly TreeEntry[],
  test: string,
): Promise<Map<string, TreeEntry[]>> {
  const found = new Map<string, TreeEntry[]>();
  if (entries.length === 0) return found;
  const tests = entries.map(({ bytes }, index) => `t ${quoted(bytes)} ${index}`);
  const script = [enter(to), `t() { ${test}; }`, ...tests, "exit 0"];
  for (const line of await ask(context, script, `Reading the type of ${to}`)) {
    const [word = "", index] = line.split(" ");
    const entry = entries[Number(index)];
    if (entry) found.set(word, [...(found.get(word) ?? []), entry]);
  }
  return found;
}

function refuse(to: string, entries: readonly TreeEntry[], problem: string): void {
  if (entries.length === 0) return;
  throw new VmbuildError("STEP_FAILED", `The upload to ${to} ${problem}`, {
    lines: entries.slice(0, MAX_LINES).map(({ name }) => `${to.replace(/\/$/, "")}/${name}`),
    hint: "Remove the listed paths with a `run` action before the upload. No file was uploaded.",
  });
}

/** Number of links for one call of chown, whose argument list is limited. */
const LINKS_AT_ONCE = 100;

/** Sets the owner of an unpacked tree's links, because busybox's tar leaves them to root. */
export async function chownLinks(
  context: TransferContext,
  { entries, owner }: TreeToUnpack,
  to: string,
): Promise<void> {
  const links = entries.filter(({ type }) => type === "symlink");
  if (links.length === 0 || (owner.uid === 0 && owner.gid === 0)) return;
  const commands: string[] = [];
  for (let at = 0; at < links.length; at += LINKS_AT_ONCE) {
    const names = links.slice(at, at + LINKS_AT_ONCE).map(({ bytes }) => quoted(bytes));
    commands.push(`chown -h ${owner.uid}:${owner.gid} ${names.join(" ")} || exit`);
  }
  await ask(context, [enter(to), ...commands], `Setting the owner of links in ${to}`);
}

const FOLDERS =
  'if [ -d "$1" ]; then echo "folder $2"; elif [ -e "$1" ] || [ -L "$1" ]; then echo "other $2"; fi';
const OTHERS = '[ ! -d "$1" ] || [ -L "$1" ] || echo "folder $2"';

/** Name of the folder that contains an entry; empty for the tree itself. */
const parentOf = ({ bytes }: TreeEntry): string =>
  bytes.subarray(0, Math.max(0, bytes.lastIndexOf("/"))).toString("latin1");

/**
 * Determines which entries of a tree must be created below `to`, and their owner.
 * @throws {VmbuildError} STEP_FAILED where a folder conflicts with another kind of file, or when
 *   the guest does not know the owner.
 */
export async function inspectDestination(
  context: TransferContext,
  tree: readonly TreeEntry[],
  to: string,
  owner: string | undefined,
): Promise<TreeToUnpack> {
  const numbers = await resolveOwner(context, owner);
  const folders = tree.filter(({ type }) => type === "directory");
  const answers = await testEach(context, to, folders, FOLDERS);
  refuse(to, answers.get("other") ?? [], "has folders where the guest has files or links");
  const existing = new Set(answers.get("folder"));
  const parents = new Set(["", ...[...existing].map(({ bytes }) => bytes.toString("latin1"))]);
  const others = tree.filter((entry) => entry.type !== "directory" && parents.has(parentOf(entry)));
  const inTheWay = (await testEach(context, to, others, OTHERS)).get("folder") ?? [];
  refuse(to, inTheWay, "has files or links where the guest has folders");
  return { entries: tree.filter((entry) => !existing.has(entry)), owner: numbers };
}

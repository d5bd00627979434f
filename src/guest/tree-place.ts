/**
 * Looks at the place of a tree in the guest before it is unpacked there. Folders that exist keep
 * their mode and owner, and a link to a folder stays one: no tar does both by itself, so that
 * such folders are left out of the archive.
 */
import { VmbuildError } from "../errors.js";
import { shellQuote } from "../host/programs.js";
import { runQuietly } from "./script.js";
import type { TransferContext } from "./transfer.js";
import type { NumericOwner } from "./tar-write.js";
import type { TreeEntry } from "../host/tree.js";

/** A tree as it is to be unpacked in the guest. */
export interface PlacedTree {
  /** Those that are to be made: without folders that exist. */
  readonly entries: readonly TreeEntry[];
  readonly owner: NumericOwner;
}

const DEADLINE_MS = 600_000;
const MOST_LINES = 10;

/** A name for the shell, byte by byte; the result is to be encoded as latin1. */
const quoted = (name: Buffer): string => shellQuote(`./${name.toString("latin1")}`);

async function ask(context: TransferContext, lines: readonly string[], what: string) {
  const { connection, signal, sudo } = context;
  const command = Buffer.from(lines.join("\n"), "latin1");
  const {
    end,
    lines: answers,
    words,
  } = await runQuietly(connection, command, signal, {
    sudo,
    timeoutMs: DEADLINE_MS,
  });
  if (end.exitCode === 0) return answers;
  const how = end.timedOut ? "timed out" : `failed in the guest (exit ${end.exitCode})`;
  throw new VmbuildError("STEP_FAILED", `${what} ${how}`, { lines: words.slice(-MOST_LINES) });
}

/** Goes to the tree's place; where that is not there yet, nothing is in the way. */
const enter = (to: string): string =>
  `cd ${Buffer.from(shellQuote(to)).toString("latin1")} 2>/dev/null || exit 0`;

/** Finds out which user and group chown(1) would take an owner for. */
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

/** Runs a test for each entry, and gathers the entries by the word with which the test answers. */
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
    lines: entries.slice(0, MOST_LINES).map(({ name }) => `${to.replace(/\/$/, "")}/${name}`),
    hint: "Remove the listed paths with a `run` action before the upload. No file was uploaded.",
  });
}

/** Links that one chown is given; its argument list has a limit. */
const LINKS_AT_ONCE = 100;

/** Gives an unpacked tree's links to its owner: busybox's tar leaves them to root. */
export async function ownLinks(
  context: TransferContext,
  { entries, owner }: PlacedTree,
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

/** The name of the folder that an entry is in; empty for the tree itself. */
const parentOf = ({ bytes }: TreeEntry): string =>
  bytes.subarray(0, Math.max(0, bytes.lastIndexOf("/"))).toString("latin1");

/**
 * Looks which of a tree's entries are to be made below `to`, and whose they will be.
 * @throws {VmbuildError} STEP_FAILED where a folder is in the way of something else, or something
 *   else in the way of a folder; or when the guest knows no such owner.
 */
export async function placeTree(
  context: TransferContext,
  tree: readonly TreeEntry[],
  to: string,
  owner: string | undefined,
): Promise<PlacedTree> {
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

/**
 * Converts zod's issues to problems with places. For a union, only the issues of the branch that
 * the user most likely meant are reported.
 */
import type { z } from "zod";
import type { JsonPath, Problem } from "./document.js";

type Issue = z.core.$ZodIssue;
type UnionIssue = Extract<Issue, { code: "invalid_union" }>;

/** Returns one problem for each place. A union is represented by its closest branch. */
export function problemsOf(issues: readonly Issue[], prefix: JsonPath = []): Problem[] {
  return issues.flatMap((issue): Problem[] => {
    const path = [...prefix, ...(issue.path as (string | number)[])];
    switch (issue.code) {
      case "unrecognized_keys":
        return issue.keys.map((key) => ({ path: [...path, key], message: `unknown key "${key}"` }));
      case "invalid_key":
        return [{ path, message: issue.issues[0]?.message ?? issue.message }];
      case "invalid_union": {
        const branch = closestBranch(issue);
        return branch ? problemsOf(branch, path) : [{ path, message: unionMessage(issue) }];
      }
      default:
        return [{ path, message: messageOf(issue) }];
    }
  });
}

/** Rewrites zod's general messages for templates; custom messages are kept. */
function messageOf(issue: Issue): string {
  if (issue.code === "invalid_type" && issue.message.startsWith("Invalid input: expected")) {
    const received = /received (.+)$/.exec(issue.message)?.[1] ?? "another type";
    const expected = article(issue.expected);
    if (received === "undefined") return `is missing; expected ${expected}`;
    return `expected ${expected}, found ${article(received)}`;
  }
  if (issue.code === "invalid_value" && issue.message.startsWith("Invalid")) {
    const values = issue.values.map((value) => JSON.stringify(value));
    return `expected ${values.length > 1 ? "one of " : ""}${values.join(", ")}`;
  }
  return issue.message;
}

function article(kind: string): string {
  if (kind === "int") return "an integer";
  if (kind === "null" || kind === "NaN") return kind;
  const name = kind === "record" ? "object" : kind;
  return `${/^[aeiou]/.test(name) ? "an" : "a"} ${name}`;
}

/** Returns the union's own message, or a list of the kinds of value that its branches accept. */
function unionMessage(issue: UnionIssue): string {
  if (issue.message !== "Invalid input") return issue.message;
  const roots = issue.errors.flatMap((branch) => branch.filter((one) => one.path.length === 0));
  const kinds = roots.flatMap((root) => (root.code === "invalid_type" ? [root] : []));
  const [first] = kinds;
  if (!first) return issue.message;
  const expected = kinds.map((kind) => article(kind.expected)).join(" or ");
  const received = /received (.+)$/.exec(first.message)?.[1];
  if (received === "undefined") return `is missing; expected ${expected}`;
  return `expected ${expected}${received === undefined ? "" : `, found ${article(received)}`}`;
}

/**
 * Returns the branch that the user most likely meant: the one that knows most of the given keys.
 * Undefined when none knows any of them.
 */
function closestBranch({ errors, input }: UnionIssue): readonly Issue[] | undefined {
  const keys = typeof input === "object" && input !== null ? Object.keys(input).length : 0;
  const scored = errors
    .map((issues) => ({ issues, unknown: unknownKeys(issues) }))
    .toSorted((a, b) => a.unknown - b.unknown || a.issues.length - b.issues.length);
  const [best] = scored;
  return best && best.unknown < keys ? best.issues : undefined;
}

/**
 * Counts the keys of the value that a branch does not know; all of them, when it accepts no object.
 */
function unknownKeys(issues: readonly Issue[]): number {
  let count = 0;
  for (const issue of issues) {
    if (issue.path.length > 0) continue;
    if (issue.code === "unrecognized_keys") count += issue.keys.length;
    else if (issue.code === "invalid_type") return Infinity;
  }
  return count;
}

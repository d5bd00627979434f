/** From zod's findings to problems with places: the alternative that a user meant speaks for a union. */
import type { z } from "zod";
import type { JsonPath, Problem } from "./document.js";

type Issue = z.core.$ZodIssue;

/** What is wrong, one problem for each place, with the closest branch of a union standing for it. */
export function problemsOf(issues: readonly Issue[], prefix: JsonPath = []): Problem[] {
  return issues.flatMap((issue): Problem[] => {
    const path = [...prefix, ...(issue.path as (string | number)[])];
    switch (issue.code) {
      case "unrecognized_keys":
        return issue.keys.map((key) => ({ path: [...path, key], message: `unknown key "${key}"` }));
      case "invalid_key":
        return [{ path, message: issue.issues[0]?.message ?? issue.message }];
      case "invalid_union": {
        const branch = closestBranch(issue.errors);
        return branch ? problemsOf(branch, path) : [{ path, message: issue.message }];
      }
      case "invalid_type":
        return [{ path, message: typeMessage(issue) }];
      default:
        return [{ path, message: issue.message }];
    }
  });
}

/** `Invalid input: expected string, received undefined` in words that fit a template. */
function typeMessage(issue: Extract<Issue, { code: "invalid_type" }>): string {
  if (!issue.message.startsWith("Invalid input")) return issue.message;
  const expected = issue.expected === "record" ? "object" : issue.expected;
  if (issue.input === undefined) return `is missing; it is ${article(expected)}`;
  return `expected ${article(expected)}, found ${article(kindOf(issue.input))}`;
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}

function article(kind: string): string {
  if (kind === "int") return "a whole number";
  if (kind === "null") return "null";
  return `${/^[aeiou]/.test(kind) ? "an" : "a"} ${kind}`;
}

/** The alternative that a user meant: the one that lacks nothing and knows the most keys. */
function closestBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  const isStrange = (issue: Issue): boolean =>
    issue.path.length === 0 || (issue.code === "invalid_type" && issue.input === undefined);
  const scored = branches
    .map((issues) => ({ issues, strange: issues.filter(isStrange).length }))
    .toSorted((a, b) => a.strange - b.strange || a.issues.length - b.issues.length);
  return scored[0]?.strange === 0 ? scored[0].issues : undefined;
}

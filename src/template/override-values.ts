/**
 * Decides whether values of `--set` are interpreted as JSON or as text, according to the template's
 * schema.
 */
import type { z } from "zod";
import { valueAt } from "./document.js";
import type { JsonPath } from "./document.js";
import type { Override } from "./overrides.js";

type Issue = Pick<z.core.$ZodIssue, "code" | "path">;

const samePlace = (one: readonly PropertyKey[], other: JsonPath): boolean =>
  one.length === other.length && one.every((part, index) => String(part) === String(other[index]));

const asText = (override: Override): Override => ({ ...override, value: override.text });

/**
 * Returns the interpretation to try first. A number that would lose digits (`1.10`, `1e3`) is taken
 * as text, except for a variable whose default is a number.
 */
function preferredValue(document: unknown, override: Override): Override {
  const { text, value, path } = override;
  if (text === undefined || typeof value !== "number" || String(value) === text) return override;
  const isDefault = path[0] === "variables" && typeof valueAt(document, path) === "number";
  return isDefault ? override : asText(override);
}

function alternativeValue(override: Override, original: Override): Override {
  return override.value === original.value ? asText(override) : original;
}

/**
 * Decides for each override how it is interpreted: in the way that the template's schema accepts.
 * @param document the template as in its file.
 * @param check returns the problems of the template with these overrides.
 */
export async function interpretOverrides(
  document: unknown,
  overrides: readonly Override[],
  check: (overrides: readonly Override[]) => Promise<readonly Issue[]>,
): Promise<readonly Override[]> {
  if (overrides.every(({ text }) => text === undefined)) return overrides;
  const first = overrides.map((override) => preferredValue(document, override));
  const issues = await check(first);
  const issueAt = (found: readonly Issue[], { path }: Override): Issue | undefined =>
    found.find((issue) => samePlace(issue.path, path));
  const other = first.map((override, index) => {
    const original = overrides[index] ?? override;
    const wrong = override.text !== undefined && issueAt(issues, override) !== undefined;
    return wrong ? alternativeValue(override, original) : override;
  });
  const later = await check(other);
  return first.map((override, index) => {
    const swapped = other[index] ?? override;
    if (swapped === override) return override;
    const problem = issueAt(later, swapped);
    if (problem === undefined) return swapped;
    // When both are rejected, the value of the right type gives the better message.
    const before = issueAt(issues, override);
    const [wasWrong, isWrong] = [before && isOfWrongType(before), isOfWrongType(problem)];
    if (wasWrong === isWrong) return overrides[index] ?? override;
    return wasWrong ? swapped : override;
  });
}

const isOfWrongType = ({ code }: Issue): boolean =>
  code === "invalid_type" || code === "invalid_union";

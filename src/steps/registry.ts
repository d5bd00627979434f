/** Lists every action type. To add one, add a file in this folder and a line in this list. */
import { z } from "zod";
import { duration } from "../fields.js";
import type { ActionType } from "./action.js";
import { ansible } from "./ansible.js";
import { download } from "./download.js";
import { local } from "./local.js";
import { reboot } from "./reboot.js";
import { run } from "./run.js";
import { script } from "./script.js";
import { upload } from "./upload.js";
import { wait } from "./wait.js";
import { write } from "./write.js";

/** All action types, in the order of the template reference. */
export const ACTIONS = [
  script,
  run,
  upload,
  download,
  write,
  reboot,
  ansible,
  local,
  wait,
] as const;

/** Action as parsed by the template's schema: its type beside its own fields. */
export interface ParsedAction {
  readonly type: ActionType<never>;
  /** Value parsed by the type's schema. */
  readonly value: unknown;
  /** Time limit in milliseconds; that of the step unless given. */
  readonly timeoutMs: number | undefined;
}

const NAMES = ACTIONS.map((action) => action.name);

/** Returns the action types whose key an object has. */
function typesOf(value: unknown): ActionType<never>[] {
  if (typeof value !== "object" || value === null) return [];
  return ACTIONS.filter((action) => Object.hasOwn(value, action.name)) as ActionType<never>[];
}

const common = {
  timeout: duration.optional().describe("time limit for this action; if omitted, the step's"),
};

/** Schema of each action with the common fields, for the JSON Schema and the reference. */
export const ACTION_SCHEMAS = ACTIONS.map((action) => ({
  name: action.name,
  schema: (action.schema as unknown as z.ZodObject).extend(common),
}));

/** Parses an action by the type of its key, so that errors refer to that type only. */
export const actionSchema = z.unknown().transform((input, context): ParsedAction => {
  const [type, second] = typesOf(input);
  if (!type || second) {
    const found = type ? `"${type.name}" and "${second?.name}"` : "none of them";
    const message = `an action has exactly one of ${NAMES.map((name) => `"${name}"`).join(", ")}; this one has ${found}`;
    context.addIssue({ code: "custom", message, input });
    return z.NEVER;
  }
  const { timeout, ...own } = input as { timeout?: unknown };
  const parsed = type.schema.safeParse(own);
  const parsedTimeout = common.timeout.safeParse(timeout);
  for (const issue of parsed.error?.issues ?? []) {
    context.addIssue({ ...issue, input: own } as Parameters<typeof context.addIssue>[0]);
  }
  for (const issue of parsedTimeout.error?.issues ?? []) {
    context.addIssue({ code: "custom", message: issue.message, path: ["timeout"], input });
  }
  if (!parsed.success || !parsedTimeout.success) return z.NEVER;
  return { type, value: parsed.data, timeoutMs: parsedTimeout.data };
});

/** Describes an action in one line: `run: apt-get update`. */
export function describeAction(action: ParsedAction): string {
  return action.type.describe(action.value as never);
}

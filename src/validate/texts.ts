/** The shell texts that stand in a template itself. */
import { interpreterOf } from "../steps/interpreter.js";
import type { ParsedAction } from "../steps/registry.js";
import type { JsonPath } from "../template/document.js";

/** A text and the shell that will read it. */
export interface ShellText {
  /** Inside the action. */
  readonly key: JsonPath;
  readonly text: string;
  readonly shell: string;
}

const isText = (value: unknown): value is string => typeof value === "string";

function linesOf(value: unknown): string[] {
  if (isText(value)) return [value];
  return Array.isArray(value) ? value.filter(isText) : [];
}

/** The texts of an action that a shell will read, in the guest or here. */
export function shellTextsOf({ type, value }: ParsedAction): ShellText[] {
  const fields = value as Readonly<Record<string, unknown>>;
  switch (type.name) {
    case "run": {
      const shell = isText(fields["shell"]) ? fields["shell"] : "sh";
      return [{ key: ["run"], text: linesOf(fields["run"]).join("\n"), shell: `/bin/${shell}` }];
    }
    case "local":
      return [{ key: ["local"], text: linesOf(fields["local"]).join("\n"), shell: "/bin/bash" }];
    case "wait":
      return [{ key: ["wait"], text: linesOf(fields["wait"]).join("\n"), shell: "/bin/sh" }];
    case "write": {
      // A script that is written into the guest is checked like one that lies beside the template.
      const text = linesOf(fields["content"]).join("\n");
      const [shell = ""] = text.startsWith("#!") ? interpreterOf(Buffer.from(text)) : [];
      return /\/(ba|da)?sh$/.test(shell) ? [{ key: ["content"], text, shell }] : [];
    }
    default:
      return [];
  }
}

/** Checks the files of a playbook as far as that is possible without Ansible. */
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { parseDocument } from "yaml";
import { parseRequirements } from "./requirements-file.js";
import type { AnsiblePaths } from "./paths.js";

/** First line of a file that ansible-vault has encrypted. */
const VAULT = "$ANSIBLE_VAULT";

/** Reads a file; undefined where it is missing, which is reported elsewhere, or encrypted. */
async function readPlain(path: string): Promise<string | undefined> {
  const text = await readFile(path, "utf8").catch(() => undefined);
  return text?.startsWith(VAULT) ? undefined : text;
}

/** Returns the problem of a playbook's text; undefined where it is a list of plays. */
export function playbookProblem(text: string): string | undefined {
  // Ansible accepts repeated keys, and tags such as !vault.
  const document = parseDocument(text, { uniqueKeys: false, logLevel: "error" });
  const [error] = document.errors;
  const [message = ""] = error?.message.split("\n") ?? [];
  if (error) return `is not valid YAML: ${message.replace(/:$/, "")}`;
  const plays: unknown = document.toJS();
  const isList = Array.isArray(plays) && plays.every((play) => typeof play === "object");
  return isList ? undefined : "is not a playbook: it is not a list of plays";
}

/** Returns warnings about the playbook and the requirements file. */
export async function warningsOf(paths: AnsiblePaths): Promise<string[]> {
  const { playbook, requirements } = paths;
  const text = await readPlain(playbook);
  const problem = text === undefined ? undefined : playbookProblem(text);
  const required = requirements === undefined ? undefined : await readPlain(requirements);
  const isUnclear = required !== undefined && parseRequirements(required) === undefined;
  return [
    ...(problem === undefined ? [] : [`${basename(playbook)} ${problem}`]),
    ...(isUnclear
      ? [
          `${basename(requirements ?? "")} has neither a list of roles nor "roles" and "collections"`,
        ]
      : []),
  ];
}

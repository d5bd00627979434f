/** Reads `extra_arguments` of the provisioners for Ansible. */
import { parse } from "yaml";
import { resultPath } from "../context.js";
import type { ImageContext } from "../context.js";
import type { Plain, PlainObject } from "../plain.js";
import { splitWords } from "../shell-words.js";

/** Fields of the action that arguments state. */
export interface AnsibleArguments {
  readonly extraVars: PlainObject;
  readonly extraVarsFiles: string[];
  readonly tags: string[];
  readonly skipTags: string[];
  readonly arguments: string[];
  limit?: string;
  become?: boolean;
}

/** Long names of options by their short ones. */
const LONG: Readonly<Record<string, string>> = {
  "-e": "--extra-vars",
  "-t": "--tags",
  "-l": "--limit",
  "-b": "--become",
};

/** Arguments that only Packer's own SSH proxy needs. */
const FOR_PROXY =
  /^--(?:scp-extra-args|sftp-extra-args|ssh-extra-args|ssh-common-args|connection|private-key|user|inventory|inventory-file)$/;

function addVariables(text: string, found: AnsibleArguments, context: ImageContext): void {
  if (text.startsWith("@")) {
    found.extraVarsFiles.push(resultPath(context, text.slice(1)));
    return;
  }
  if (/^\s*\{/.test(text)) {
    try {
      Object.assign(found.extraVars, parse(text) as PlainObject);
      return;
    } catch {
      // Neither JSON nor YAML: Ansible itself reports it.
    }
  }
  const words = splitWords(text);
  if (words.every((word) => /^[A-Za-z_]\w*=/.test(word))) {
    for (const word of words) {
      const at = word.indexOf("=");
      found.extraVars[word.slice(0, at)] = word.slice(at + 1);
    }
  } else found.arguments.push("--extra-vars", text);
}

const listed = (text: string): string[] =>
  text
    .split(",")
    .map((tag) => tag.trim())
    .filter((tag) => tag !== "");

/** Reads the arguments. */
export function readAnsibleArguments(
  words: readonly string[],
  context: ImageContext,
): AnsibleArguments {
  const found: AnsibleArguments = {
    extraVars: {},
    extraVarsFiles: [],
    tags: [],
    skipTags: [],
    arguments: [],
  };
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    const [, name = word, inline] = /^(--[a-z-]+)=(.*)$/s.exec(word) ?? [];
    const option = LONG[name] ?? name;
    const attached = /^-e(.+)$/s.exec(word)?.[1];
    const take = (): string => inline ?? words[++at] ?? "";
    if (attached !== undefined && !word.startsWith("--")) addVariables(attached, found, context);
    else if (option === "--extra-vars") addVariables(take(), found, context);
    else if (option === "--tags") found.tags.push(...listed(take()));
    else if (option === "--skip-tags") found.skipTags.push(...listed(take()));
    else if (option === "--limit") found.limit = take();
    else if (option === "--become") found.become = true;
    else if (FOR_PROXY.test(option)) take();
    else if (word !== "") found.arguments.push(word);
  }
  return found;
}

/** Returns the fields that are not empty. */
export function argumentFields(found: AnsibleArguments): PlainObject {
  const fields: PlainObject = {};
  for (const [key, value] of Object.entries(found) as [string, Plain][]) {
    const isEmpty = typeof value === "object" && value !== null && Object.keys(value).length === 0;
    if (!isEmpty) fields[key] = value;
  }
  return fields;
}

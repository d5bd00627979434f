/** Environment of scripts: the options for it, and Packer's own variables. */
import type { BlockReader } from "../block.js";
import type { ImageContext } from "../context.js";
import { isPlainObject, textOf } from "../plain.js";
import type { Plain } from "../plain.js";

/** Environment by the names of its variables. */
export type Environment = Record<string, Plain>;

/** Reads `NAME=value` texts of an option. */
export function readPairs(reader: BlockReader, option: string): Environment {
  // Template code may leave an empty text, which sets nothing.
  const given = reader.jsonTexts(option).filter((pair) => pair !== "");
  const pairs = given.map((pair): [string, string] => {
    const at = pair.indexOf("=");
    return at < 0 ? [pair, ""] : [pair.slice(0, at), pair.slice(at + 1)];
  });
  const invalid = pairs.find(([name]) => !/^[A-Za-z_]\w*$/.test(name));
  if (invalid) {
    reader.say(option, "refused", `"${invalid[0]}" is not the name of an environment variable`);
    return {};
  }
  return Object.fromEntries(pairs);
}

/** Reads `environment_vars` and `env`, which takes precedence. */
export function readEnvironment(reader: BlockReader): Environment {
  const map = reader.json("env");
  const named = isPlainObject(map)
    ? Object.entries(map).map(([name, value]): [string, Plain] => [name, textOf(value) ?? ""])
    : [];
  return { ...readPairs(reader, "environment_vars"), ...Object.fromEntries(named) };
}

/** Returns the variables of Packer that a text mentions. */
export function packerVariables(
  texts: readonly string[],
  { source }: Pick<ImageContext, "source">,
): Environment {
  const own: Environment = {
    PACKER_BUILD_NAME: source.buildName,
    PACKER_BUILDER_TYPE: source.type,
  };
  const used = Object.entries(own).filter(([name]) => texts.some((text) => text.includes(name)));
  return Object.fromEntries(used);
}

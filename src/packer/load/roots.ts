/** Names that expressions of a template can use: `var`, `path`, `packer`, `source`, `build`. */
import { constantRoot, unknownName } from "../eval/scope.js";
import type { Root } from "../eval/scope.js";
import { mapOf } from "../eval/values.js";
import type { PackerVariable, Value } from "../model.js";
import { KnownFault, PackerFault } from "../problems.js";

/** Root `var`. A variable without a value is reported already. */
export function variableRoot(
  variables: readonly PackerVariable[],
  declared: Iterable<string>,
): Root {
  const values = mapOf(variables.map(({ name, value }) => [name, value]));
  const names = new Set(declared);
  return {
    get: (name, span) => {
      const value = values.get(name);
      if (value !== undefined) return value;
      if (names.has(name)) throw new KnownFault();
      throw unknownName("var", { key: name, span, known: [...names] });
    },
    all: () => values,
  };
}

/** Root `path`. */
export function pathRoot(folder: string, cwd: string): Root {
  return constantRoot(
    "path",
    mapOf([
      ["root", folder],
      ["cwd", cwd],
    ]),
  );
}

/** Root `packer`. What HashiCorp's registry would give is not known. */
export function packerRoot(version: string): Root {
  return constantRoot("packer", mapOf([["version", version]]));
}

/** Root `source` of one source in a build. */
export function sourceRoot(type: string, name: string): Root {
  return constantRoot(
    "source",
    mapOf([
      ["type", type],
      ["name", name],
    ]),
  );
}

/** Root that is known in other places only. */
export function absentRoot(root: string, where: string): Root {
  return {
    get: (name, span) => {
      throw new PackerFault(`${root}.${name} is known ${where} only.`, span);
    },
    all: (span) => {
      throw new PackerFault(`"${root}" is known ${where} only.`, span);
    },
  };
}

/** Values of `build` that are known only while the build runs. */
const RUNTIME_NAMES = [
  "ID",
  "Host",
  "Port",
  "User",
  "Password",
  "ConnType",
  "PackerRunUUID",
  "PackerHTTPPort",
  "PackerHTTPIP",
  "PackerHTTPAddr",
  "SSHPublicKey",
  "SSHPrivateKey",
  "WinRMPassword",
];

/** Go template code that gives a value of `build` while the build runs. */
function runtimeText(name: string): string {
  return `{{ build \`${name}\` }}`;
}

/** Root `build` of a build: its name, and code for what is known while it runs. */
export function buildRoot(name: string | undefined): Root {
  const values: [string, Value][] = RUNTIME_NAMES.map((key) => [key, runtimeText(key)]);
  return constantRoot("build", mapOf([...values, ["name", name ?? ""]]));
}

/** Flags that all commands with a template have, and the settings that follow from them. */
import type { PackerLoadOptions } from "../../packer/model.js";
import type { Flag, FlagValues } from "./flags.js";

/** Flags of `build`, `validate` and the other commands that read a template. */
export const TEMPLATE_FLAGS: readonly Flag[] = [
  {
    name: "except",
    kind: "list",
    term: "-except=foo,bar,baz",
    help: "Leave out these builds and post-processors.",
  },
  { name: "only", kind: "list", term: "-only=foo,bar,baz", help: "Use only these builds." },
  {
    name: "var",
    kind: "pair",
    term: "-var 'key=value'",
    help: "Variable of the template; can be used several times.",
  },
  {
    name: "var-file",
    kind: "text",
    term: "-var-file=path",
    help: "HCL or JSON file with variables; can be used several times.",
  },
  {
    name: "config-type",
    kind: "choice",
    choices: ["json", "hcl2"],
    term: "-config-type=hcl2",
    help: "Accepted and not needed: the name and the content of a template tell its type.",
  },
];

/** Flags that change nothing here, because they concern plugins or data sources. */
export const PLUGIN_FLAGS: readonly Flag[] = [
  {
    name: "ignore-prerelease-plugins",
    kind: "switch",
    default: false,
    term: "-ignore-prerelease-plugins",
    help: "Accepted and not needed: there are no plugins.",
  },
  {
    name: "use-sequential-evaluation",
    kind: "switch",
    default: false,
    term: "-use-sequential-evaluation",
    help: "Accepted and not needed: locals are evaluated in the order in which they need each other.",
  },
];

/** Returns what a template is read with. */
export function loadOptionsOf(values: FlagValues): PackerLoadOptions {
  return {
    variables: values.pairs("var"),
    variableFiles: values.texts("var-file"),
    only: values.list("only"),
    except: values.list("except"),
  };
}

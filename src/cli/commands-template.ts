/** The commands about templates: their words; their work is in a file of their own each. */
import type { Command } from "commander";
import { addOutputOptions, addTemplateOptions } from "./options.js";

type SetExitCode = (code: number) => void;

/** Adds `validate`. */
export function addValidate(root: Command, setExitCode: SetExitCode): void {
  const command = root
    .command("validate")
    .description("check templates and all that they refer to, without a machine")
    .argument("<template...>", "paths of templates, or names under appliances/")
    .option("--json", "print what was found as one JSON object");
  addTemplateOptions(command);
  addOutputOptions(command).addHelpText(
    "after",
    `
Checked are: the schema, variables and references, every file that is named, the syntax of
scripts and of shell texts, cloud-init's user-data, and whether the disk can hold the base.
Everything that is wrong is listed at once. What is downloaded later is not looked into.

Examples:
  vmbuild validate demo
  vmbuild validate appliances/*/*.json
  vmbuild validate slm-copilot.json --var model=small --json`,
  );
  command.action(async (names: string[], flags) => {
    const { validate } = await import("./validate.js");
    setExitCode(await validate(names, flags as Parameters<typeof validate>[1]));
  });
}

/** Adds `inspect`. */
export function addInspect(root: Command, setExitCode: SetExitCode): void {
  const command = root
    .command("inspect")
    .description("show what a run would do, without doing it")
    .argument("<template>", "the path of a template, or a name under appliances/")
    .option("--output <dir>", "where the image would go")
    .option("--probe", "try KVM as a run would, and show what came of it")
    .option("--json", "print all of it as one JSON object");
  addTemplateOptions(command);
  addOutputOptions(command).addHelpText(
    "after",
    `
Shown are the variables, where base and inputs come from, QEMU's argument list as a run would
use it (RUN stands for the run's id, port 0 for a free one), the steps and the files made.

Examples:
  vmbuild inspect demo
  vmbuild inspect demo --accel tcg --memory 2G
  vmbuild inspect demo --json | jq -r '.qemu.arguments[]'`,
  );
  command.action(async (name: string, flags) => {
    const { inspect } = await import("./inspect.js");
    setExitCode(await inspect(name, flags as Parameters<typeof inspect>[1]));
  });
}

/** Adds `schema`. */
export function addSchema(root: Command, setExitCode: SetExitCode): void {
  root
    .command("schema")
    .description("print the JSON Schema of templates, for editors")
    .addHelpText(
      "after",
      `
Examples:
  vmbuild schema >template.schema.json
  and in a template: "$schema": "./template.schema.json"`,
    )
    .action(async () => {
      const { schema } = await import("./schema.js");
      setExitCode(schema());
    });
}

/** Adds `init`. */
export function addInit(root: Command, setExitCode: SetExitCode): void {
  root
    .command("init")
    .description("make a new appliance's folder, which builds as it is")
    .argument("<name>", "the appliance's name")
    .option("--dir <dir>", "the folder that gets it; appliances, unless given")
    .addHelpText(
      "after",
      `
Nothing is overwritten: the appliance's folder must be empty, or not there.

Examples:
  vmbuild init my-image                 makes appliances/my-image/my-image.json
  vmbuild init my-image --dir images    makes images/my-image/my-image.json`,
    )
    .action(async (name: string, flags) => {
      const { init } = await import("./init.js");
      setExitCode(await init(name, flags as Parameters<typeof init>[1]));
    });
}

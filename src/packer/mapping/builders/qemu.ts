/** Builder `qemu`. */
import { BlockReader } from "../block.js";
import type { BuilderKind } from "../builder.js";
import type { ImageContext } from "../context.js";
import { durationText } from "../durations.js";
import { plainOf, textOf } from "../plain.js";
import { readShutdown } from "../power-off.js";
import { readArguments } from "../qemu/arguments.js";
import { convertStart } from "../qemu/base.js";
import { LOGIN_RULES } from "../qemu/login-rules.js";
import { MACHINE_RULES } from "../qemu/machine-rules.js";
import { convertMachine } from "../qemu/machine.js";
import { convertOutput, outputNames } from "../qemu/output.js";
import { START_RULES } from "../qemu/start-rules.js";
import type { ShutdownStep } from "../steps.js";

const RULES = { ...START_RULES, ...MACHINE_RULES, ...LOGIN_RULES };

/** Packer's default. */
const SHUTDOWN_TIMEOUT = "5m";

/** Values of Go template code in the options of a source. */
function runtimeOf({ source, runtime }: ImageContext) {
  const attribute = (name: string): string | undefined => {
    const found = source.block.attributes.get(name);
    return found && textOf(plainOf(found.value));
  };
  const names = outputNames(
    { vmName: attribute("vm_name"), directory: attribute("output_directory") },
    source.buildName,
  );
  return { ...runtime, Name: names.vmName, OutputDir: names.directory, SSHHostPort: "0" };
}

function shutdownOf(reader: BlockReader): ShutdownStep | undefined {
  const command = reader.text("shutdown_command") ?? "";
  if (command === "") return undefined;
  const { before, asRoot, powersOff } = readShutdown(command);
  if (!powersOff) {
    const text =
      "vmbuild cannot tell which part powers off; move the rest to a provisioner, and leave it out";
    reader.say("shutdown_command", "refused", text);
    return undefined;
  }
  if (before === "") {
    reader.say("shutdown_command", "nothing", "vmbuild powers the guest off itself");
    return undefined;
  }
  reader.say("shutdown_command", "mapped", "the last step; vmbuild powers the guest off itself");
  return { commands: before, asRoot, origin: reader.origin("shutdown_command") };
}

/** Images that QEMU makes. */
export const qemuBuilder: BuilderKind = {
  name: "qemu",
  rules: RULES,
  async convert(context) {
    const { source, keeper, report, draft } = context;
    const reader = new BlockReader(source.block, RULES, {
      keeper,
      report,
      subject: `${source.type}.${source.name}`,
      runtime: runtimeOf(context),
    });
    const facts = readArguments(reader.value("qemuargs") ?? []);
    convertMachine(reader, facts, context);
    const login = await convertStart(reader, facts, context);
    const timeout = durationText(reader.jsonText("shutdown_timeout") || SHUTDOWN_TIMEOUT);
    draft.set(["shutdown", "timeout"], timeout, reader.origin("shutdown_timeout"));
    convertOutput(reader, context);
    return { login, shutdown: login.hasGuest ? shutdownOf(reader) : undefined };
  },
};

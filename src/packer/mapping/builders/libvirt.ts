/** Builder `libvirt`, as far as its options mean the same without libvirt. */
import { DEFAULT_ARCHITECTURE } from "../../../machine/architectures/registry.js";
import { findArchitecture } from "../architecture.js";
import { BlockReader } from "../block.js";
import type { BuilderKind } from "../builder.js";
import { homeOf, resultPath } from "../context.js";
import type { GuestLogin, ImageContext } from "../context.js";
import { durationText } from "../durations.js";
import { chooseUefi, replacedText } from "../firmware.js";
import { LIBVIRT_RULES } from "../libvirt/rules.js";
import { convertVolumes } from "../libvirt/volumes.js";
import { textOf } from "../plain.js";

/** Defaults of the plugin (builder/libvirt/config.go). The memory is in megabytes. */
const DEFAULTS = { memory: 512, cpus: 1, loginTimeout: "5m", shutdownTimeout: "5m" } as const;

/** CPU model by the mode. */
const CPU_MODES: Readonly<Record<string, string>> = {
  "host-passthrough": "host",
  "host-model": "host",
  maximum: "max",
};

function setMachine(reader: BlockReader, context: ImageContext): void {
  const { draft } = context;
  const set = (key: string, value: string | number | undefined, option: string): void => {
    if (value !== undefined && value !== "")
      draft.set(["machine", key], value, reader.origin(option));
  };
  set("cpus", reader.number("vcpu") ?? DEFAULTS.cpus, "vcpu");
  set("memory", `${reader.number("memory") ?? DEFAULTS.memory}M`, "memory");
  const isEmulated = reader.text("domain_type") === "qemu";
  set("accelerator", isEmulated ? "tcg" : "auto", "domain_type");
  set("cpu", CPU_MODES[reader.text("cpu_mode") ?? ""], "cpu_mode");
  set("type", reader.text("chipset"), "chipset");
  const arch = findArchitecture(reader.text("arch") ?? "");
  if (arch !== DEFAULT_ARCHITECTURE.name) set("arch", arch, "arch");
  setFirmware(reader, context);
}

function setFirmware(reader: BlockReader, context: ImageContext): void {
  const { draft } = context;
  const [code, variables] = [reader.text("loader_path"), reader.text("nvram_template")];
  const isSecure = reader.flag("secure_boot");
  if (!code && !variables && !isSecure) return;
  const { firmware, secureBoot, replaced } = chooseUefi({ code, variables }, context);
  const option = ["loader_path", "nvram_template", "secure_boot"].find((name) => reader.has(name));
  const origin = reader.origin(option ?? "loader_path");
  draft.set(["machine", "firmware"], firmware, origin);
  if (secureBoot || isSecure) draft.set(["machine", "secureBoot"], true, origin);
  if (replaced !== undefined) reader.say("loader_path", "mapped", replacedText(replaced));
}

/** Sets `ssh` from the nested block, whose options are those of every communicator. */
function setLogin(reader: BlockReader, context: ImageContext, hasSeed: boolean): GuestLogin {
  const { draft } = context;
  const options = reader.object("communicator") ?? {};
  const option = (name: string): string => textOf(options[name]) ?? "";
  const origin = reader.origin("communicator");
  const user = option("ssh_username") || "root";
  if (user !== "root") draft.set(["ssh", "user"], user, origin);
  const timeout = durationText(option("ssh_timeout") || DEFAULTS.loginTimeout);
  draft.set(["ssh", "timeout"], timeout, origin);
  const login = { user, home: homeOf(user), hasGuest: true };
  if (hasSeed) return login;
  const key = option("ssh_private_key_file");
  const password = option("ssh_password");
  if (key !== "") draft.set(["ssh", "privateKey"], resultPath(context, key), origin);
  if (password !== "") draft.set(["ssh", "password"], password, origin);
  if (key !== "" || password !== "") draft.set(["seed", "kind"], "none", origin);
  return login;
}

/** Images that libvirt makes. */
export const libvirtBuilder: BuilderKind = {
  name: "libvirt",
  rules: LIBVIRT_RULES,
  convert(context) {
    const { source, keeper, report, draft, runtime } = context;
    const subject = `${source.type}.${source.name}`;
    const reader = new BlockReader(source.block, LIBVIRT_RULES, {
      keeper,
      report,
      subject,
      runtime,
    });
    setMachine(reader, context);
    const hasSeed = convertVolumes(reader, context);
    const login = setLogin(reader, context, hasSeed);
    const timeout = durationText(reader.text("shutdown_timeout") || DEFAULTS.shutdownTimeout);
    draft.set(["shutdown", "timeout"], timeout, reader.origin("shutdown_timeout"));
    draft.set(["output", "directory"], `output-${source.buildName}`);
    const filename = reader.text("domain_name") || `packer-${source.buildName}`;
    draft.set(["output", "filename"], filename, reader.origin("domain_name"));
    return Promise.resolve({ login, shutdown: undefined });
  },
};

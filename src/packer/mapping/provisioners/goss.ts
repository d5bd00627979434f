/**
 * Provisioner `goss` (github.com/YaleUniversity/packer-provisioner-goss, version 3): tests of a
 * server's state that run in the guest.
 */
import { basename, posix } from "node:path";
import { shellQuote } from "../../../host/programs.js";
import type { BlockReader } from "../block.js";
import { absolutePath, resultPath } from "../context.js";
import { isFolder } from "../host-files.js";
import { escapeText } from "../keep.js";
import { textOf } from "../plain.js";
import type { Plain, PlainObject } from "../plain.js";
import { commonStep } from "../provisioner.js";
import type { ProvisionerContext, ProvisionerKind } from "../provisioner.js";
import { mapped, nothing, oneOf } from "../rules.js";
import { ownerOf } from "./file.js";

/** Defaults of the plugin. */
const DEFAULTS = { version: "0.3.9", arch: "amd64", folder: "/tmp", sleep: "1s", retry: "0s" };

/** Files with the rendered tests, which the plugin downloads to the current folder. */
const SPECS = ["goss-spec.yaml", "debug-goss-spec.yaml"] as const;

const INSTALL = "the command that installs goss in the guest";
const VALIDATE = "the command `goss validate`";

const RULES = {
  version: mapped(INSTALL),
  arch: mapped(INSTALL),
  url: mapped(INSTALL),
  download_path: mapped(INSTALL),
  username: mapped(INSTALL),
  password: mapped(INSTALL),
  skip_ssl: mapped(INSTALL),
  skip_install: mapped("goss is in the guest already"),
  inspect: mapped("failed tests do not end the build"),
  target_os: mapped(
    "the guest runs Linux",
    oneOf(["", "Linux"], "vmbuild builds no Windows guests"),
  ),
  tests: mapped("actions upload"),
  retry_timeout: mapped(VALIDATE),
  sleep: mapped(VALIDATE),
  use_sudo: mapped("the tests run as root"),
  goss_file: mapped(VALIDATE),
  vars_file: mapped("action upload"),
  vars_inline: mapped(VALIDATE),
  vars_env: mapped("the step's environment"),
  remote_folder: mapped("`to` of the uploads"),
  remote_path: mapped("`to` of the uploads"),
  skip_download: mapped("the rendered tests are downloaded unless it is set"),
  format: mapped(VALIDATE),
  format_options: mapped(VALIDATE),
  log_level: nothing("the output is in the step's log"),
};

/** Where goss comes from, and paths of the guest. */
interface Places {
  readonly address: string;
  readonly program: string;
  readonly folder: string;
}

function placesOf(reader: BlockReader): Places {
  const version = reader.text("version") || DEFAULTS.version;
  const arch = reader.text("arch") || DEFAULTS.arch;
  const folder = reader.text("remote_folder") || DEFAULTS.folder;
  const own = `https://github.com/goss-org/goss/releases/download/v${version}/goss-linux-${arch}`;
  return {
    address: reader.text("url") || own,
    program: reader.text("download_path") || `/tmp/goss-${version}-linux-${arch}`,
    folder: reader.text("remote_path") || posix.join(folder, "goss"),
  };
}

/** Returns the commands that download goss; wget is used where curl fails, as by the plugin. */
function installCommands(reader: BlockReader, { address, program, folder }: Places): string[] {
  const make = `mkdir -p ${shellQuote(folder)}`;
  if (reader.flag("skip_install")) return [make];
  const [user = "", password = ""] = ["username", "password"].map((name) => reader.text(name));
  const isUnchecked = reader.flag("skip_ssl");
  const curl = [
    ...["curl", "-fL"],
    ...(isUnchecked ? ["-k"] : []),
    ...(user === "" ? [] : ["-u", shellQuote(`${user}:${password}`)]),
  ];
  const wget = [
    "wget",
    ...(isUnchecked ? ["--no-check-certificate"] : []),
    ...(user === "" ? [] : [shellQuote(`--user=${user}`), shellQuote(`--password=${password}`)]),
  ];
  const [to, from] = [shellQuote(program), shellQuote(address)];
  return [
    make,
    `${curl.join(" ")} -o ${to} ${from} || ${wget.join(" ")} -O ${to} ${from}`,
    `chmod 555 ${to}`,
    `${to} --version`,
  ];
}

/** Returns the uploads of the tests and their variables, each below the folder by its own name. */
async function uploadsOf(
  reader: BlockReader,
  folder: string,
  context: ProvisionerContext,
): Promise<PlainObject[]> {
  const paths = [reader.text("vars_file") ?? "", ...reader.texts("tests")];
  const uploads: PlainObject[] = [];
  for (const path of paths.filter((one) => one !== "")) {
    const absolute = absolutePath(context, path);
    const to = posix.join(folder, basename(absolute));
    const isTree = (await isFolder(absolute)) ?? path.endsWith("/");
    const slash = isTree && !path.endsWith("/") ? "/" : "";
    uploads.push({ upload: `${resultPath(context, path)}${slash}`, to: isTree ? `${to}/` : to });
  }
  return uploads;
}

/** Returns the program with the options that all of its commands have. */
function programOf(reader: BlockReader, { program, folder }: Places): string {
  const file = reader.text("goss_file") ?? "";
  const variables = reader.text("vars_file") ?? "";
  const inline = reader.object("vars_inline") ?? {};
  return [
    shellQuote(program),
    ...(file === "" ? [] : ["--gossfile", shellQuote(file)]),
    ...(variables === ""
      ? []
      : ["--vars", shellQuote(posix.join(folder, posix.basename(variables)))]),
    ...(Object.keys(inline).length === 0
      ? []
      : ["--vars-inline", shellQuote(JSON.stringify(inline))]),
  ].join(" ");
}

function validateCommand(reader: BlockReader, goss: string): string {
  const [format = "", options = ""] = ["format", "format_options"].map((name) => reader.text(name));
  const command = [
    ...[goss, "validate"],
    ...["--retry-timeout", shellQuote(reader.text("retry_timeout") || DEFAULTS.retry)],
    ...["--sleep", shellQuote(reader.text("sleep") || DEFAULTS.sleep)],
    ...(format === "" ? [] : ["-f", shellQuote(format)]),
    ...(options === "" ? [] : ["-o", shellQuote(options)]),
  ].join(" ");
  return reader.flag("inspect") ? `${command} || echo "goss found failures"` : command;
}

/** Tests of the guest by goss. */
export const gossProvisioner: ProvisionerKind = {
  name: "goss",
  rules: RULES,
  async convert(reader, context) {
    const places = placesOf(reader);
    const goss = programOf(reader, places);
    const { user } = context.login;
    const asUser: PlainObject = user === "root" ? {} : { user };
    const owner = ownerOf(context);
    const run = (commands: readonly string[], more: PlainObject = asUser): Plain => ({
      run: commands.map((command) => escapeText(command, "shell")),
      ...more,
    });
    const uploads = await uploadsOf(reader, places.folder, context);
    const rendered = SPECS.map((name, index) =>
      escapeText(`${goss} render${index === 0 ? "" : " -d"} >/tmp/${name}`, "shell"),
    );
    const specs: Plain[] = reader.flag("skip_download")
      ? []
      : [
          { run: rendered, cwd: places.folder, ...asUser },
          ...SPECS.map((name) => ({
            ...{ download: `/tmp/${name}`, hostPath: resultPath(context, name), overwrite: true },
          })),
        ];
    const asTester = reader.flag("use_sudo") ? {} : asUser;
    const validate = [validateCommand(reader, goss)];
    const variables = Object.entries(reader.object("vars_env") ?? {});
    const { before, timeout, retries } = commonStep(reader);
    context.steps.add({
      title: "goss",
      actions: [
        ...before,
        run(installCommands(reader, places)),
        ...uploads.map((upload) => ({ ...upload, ...owner })),
        ...specs,
        run(validate, { cwd: places.folder, ...asTester }),
      ],
      environment: Object.fromEntries(
        variables.map(([name, value]) => [name, escapeText(textOf(value) ?? "", "plain")]),
      ),
      timeout,
      retries,
      origin: { what: reader.subject, place: reader.block.place },
    });
  },
};

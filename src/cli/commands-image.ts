/** The commands about finished images: their words; their work is in a file of their own each. */
import { Option } from "commander";
import type { Command } from "commander";
import { addOutputOptions, addTemplateOptions, collect } from "./options.js";

type SetExitCode = (code: number) => void;

/** What both `boot` and `test` give an image. */
function addBootOptions(command: Command): Command {
  return command
    .option(
      "--context <key=value>",
      "an OpenNebula CONTEXT disk with this (repeatable); KEY alone: its value here",
      collect,
    )
    .option("--seed", "a NoCloud disk; given by default where there is no CONTEXT disk");
}

/** Adds `boot`. */
export function addBoot(root: Command, setExitCode: SetExitCode): void {
  const command = root
    .command("boot")
    .description("start a finished image on a throwaway layer, to look inside")
    .argument("<template>", "the template whose image it is")
    .argument("[command...]", "a command to run there, after --; its exit code is passed on")
    .option("--ssh", "go in with a shell; otherwise the console is shown until the machine stops");
  addBootOptions(command)
    .option("--console <file>", "the serial console goes there, not to the terminal")
    .option(
      "--forward <host:guest>",
      "lead a port of 127.0.0.1 into the guest (repeatable)",
      collect,
    )
    .option("--output <dir>", "where the image is, when it is not in the template's folder");
  addTemplateOptions(command);
  addOutputOptions(command).addHelpText(
    "after",
    `
The image is not changed. Getting in needs cloud-init in the image, which takes a new key from a
NoCloud disk, or OpenNebula's one-context, which takes it from a CONTEXT disk. That one also gives
the guest a fixed address and a host name; any of its variables can be set.

Examples:
  vmbuild boot demo                          its console
  vmbuild boot demo --ssh                    a shell
  vmbuild boot demo -- systemctl --failed    one command
  vmbuild boot demo --forward 8080:80
  vmbuild boot slm-copilot --context ONEAPP_COPILOT_THREADS=2 --forward 8443:443`,
  );
  command.action(async (name: string, words: string[], flags) => {
    const { boot } = await import("./boot.js");
    setExitCode(await boot(name, words, flags as Parameters<typeof boot>[2]));
  });
}

function addReportOptions(command: Command): Command {
  return command
    .option("--json", "print the report as one JSON object")
    .option("--junit <file>", "write the report there too, as JUnit's XML");
}

/** Adds `test`. */
export function addTest(root: Command, setExitCode: SetExitCode): void {
  const command = root
    .command("test")
    .description("boot a finished image and run its acceptance checks")
    .argument("<template>", "the template whose image it is");
  addBootOptions(addReportOptions(command))
    .option("--console <file>", "the serial console goes there; of later starts to FILE.2, …")
    .option("--output <dir>", "where the image is, when it is not in the template's folder");
  addTemplateOptions(command);
  addOutputOptions(command).addHelpText(
    "after",
    `
The template's acceptance section says what is checked, and how the image is booted for it
(docs/acceptance.md). The image is not changed. Exit code 8 when a check fails; one that cannot
be made has failed.

Examples:
  vmbuild test demo
  vmbuild test slm-copilot --accel tcg --memory 4G --junit report.xml
  vmbuild test slm-copilot --context ETH0_METHOD=dhcp --json`,
  );
  command.action(async (name: string, flags) => {
    const { test } = await import("./test.js");
    setExitCode(await test(name, flags as Parameters<typeof test>[1]));
  });
}

/** Adds `verify`. */
export function addVerify(root: Command, setExitCode: SetExitCode): void {
  const trust = ["insecure", "ca", "fingerprint"];
  const others = (name: string): string[] => trust.filter((other) => other !== name);
  const command = root
    .command("verify")
    .description("run the acceptance checks over HTTP against a deployed instance")
    .argument("<template>", "the template that it was made from")
    .requiredOption("--endpoint <url>", "where it answers, such as https://10.0.0.1")
    .option("--password-env <name>", "the environment variable that holds the password")
    .option("--token-env <name>", "and the token, where that is another")
    .addOption(
      new Option("--insecure", "take any certificate, such as a self-signed one").conflicts(
        others("insecure"),
      ),
    )
    .addOption(new Option("--ca <file>", "trust these certificates (PEM)").conflicts(others("ca")))
    .addOption(
      new Option("--fingerprint <sha256>", "trust the one certificate with it").conflicts(
        others("fingerprint"),
      ),
    )
    .option("--wait <time>", "try checks that may become true again for so long", "0s");
  addReportOptions(command);
  addTemplateOptions(command);
  addOutputOptions(command).addHelpText(
    "after",
    `
Checks inside the guest are left out. Exit code 8 when a check fails.

Examples:
  PASSWORD=… vmbuild verify slm-copilot --endpoint https://10.0.0.1 \\
    --password-env PASSWORD --insecure
  vmbuild verify slm-copilot --endpoint https://copilot.example.org \\
    --password-env PASSWORD --wait 5m --junit report.xml`,
  );
  command.action(async (name: string, flags) => {
    const { verify } = await import("./verify.js");
    setExitCode(await verify(name, flags as Parameters<typeof verify>[1]));
  });
}

/** Adds `marketplace`. */
export function addMarketplace(root: Command, setExitCode: SetExitCode): void {
  const command = root
    .command("marketplace")
    .description("write an appliance's entry for OpenNebula's marketplace")
    .argument("<template>", "the template whose image it is about")
    .requiredOption("--url <url>", "where the image is published; the folder alone ends in /")
    .option("--uuid [uuid]", "name it as the community repository does; a new one unless given")
    .option("--output <file>", "where it goes; beside the image unless given")
    .option("--image <dir>", "where the image is, when it is not in the template's folder")
    .option("--json", "print what was written as one JSON object");
  addTemplateOptions(command);
  addOutputOptions(command).addHelpText(
    "after",
    `
The marketplace.yaml beside the template is taken; the image's address, sums, virtual size, time
and version are filled in, and the whole is checked. Its comments and order stay, and so does the
file itself.

Examples:
  vmbuild marketplace slm-copilot --url https://images.example.org/
  vmbuild marketplace slm-copilot --url https://images.example.org/ --uuid`,
  );
  command.action(async (name: string, flags) => {
    const { marketplace } = await import("./marketplace.js");
    setExitCode(await marketplace(name, flags as Parameters<typeof marketplace>[1]));
  });
}

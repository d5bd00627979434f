/** Defines the `verify` command. */
import { Command, Option } from "@commander-js/extra-typings";
import { addOutputOptions, addTemplateOptions } from "../options.js";
import type { DefineCommand } from "./define.js";
import { addReportOptions } from "./report-options.js";

export const verify: DefineCommand = (setExitCode) => {
  const command = new Command("verify")
    .description("run the acceptance checks over HTTP against a deployed instance")
    .argument("<template>", "the template that the instance was made from")
    .requiredOption("--endpoint <url>", "the instance's address, such as https://10.0.0.1")
    .option("--password-env <name>", "take the password from this environment variable")
    .option("--token-env <name>", "take the token from this environment variable")
    .addOption(
      new Option("--insecure", "accept any certificate, such as a self-signed one").conflicts([
        "ca",
        "fingerprint",
      ]),
    )
    .addOption(
      new Option("--ca <file>", "trust these certificates (PEM)").conflicts([
        "insecure",
        "fingerprint",
      ]),
    )
    .addOption(
      new Option("--fingerprint <sha256>", "trust the certificate with this fingerprint").conflicts(
        ["insecure", "ca"],
      ),
    )
    .option("--wait <time>", "retry failed checks for this long", "0s");
  return addOutputOptions(addTemplateOptions(addReportOptions(command)))
    .addHelpText(
      "after",
      `
Checks inside the guest are skipped. The exit code is 8 when a check fails.

Examples:
  PASSWORD=… vmbuild verify slm-copilot --endpoint https://10.0.0.1 \\
    --password-env PASSWORD --insecure
  vmbuild verify slm-copilot --endpoint https://copilot.example.org \\
    --password-env PASSWORD --wait 5m --junit report.xml`,
    )
    .action(async (name, flags) => {
      const work = await import("../verify.js");
      setExitCode(await work.verify(name, flags));
    });
};

/** Implements `vmbuild test`: boots a finished image and runs its template's acceptance checks. */
import { requireAcceptance } from "../image/acceptance.js";
import { findArtifact } from "../builds/find-artifact.js";
import { testImage } from "../image/test.js";
import { createBus } from "../events/bus.js";
import { Secrets } from "../events/secrets.js";
import { createReporter, createReportOutput } from "./acceptance-output.js";
import type { ReportFlags } from "./acceptance-output.js";
import { parseContext } from "./context-flag.js";
import { interruptible } from "./interrupt.js";
import { requireOptionFile } from "./option-file.js";
import { loadFromFlags } from "./options.js";
import type { OutputFlags, TemplateFlags } from "./options.js";
import { shortPath } from "./short-path.js";

/** Flags of the command. */
export interface TestFlags extends TemplateFlags, OutputFlags, ReportFlags {
  readonly output?: string;
  readonly context?: string[];
  readonly seed?: boolean;
  readonly console?: string;
}

/** Runs the command; returns 0, or 8 when a check failed. */
export async function test(name: string, flags: TestFlags): Promise<number> {
  const output = createReportOutput(flags);
  const context = parseContext(flags.context, process.env);
  const template = await loadFromFlags(name, flags);
  const { title = `${template.name} ${template.version}` } = requireAcceptance(template);
  const { path: image, arch, disks } = await findArtifact(template, flags.output);
  await requireOptionFile("--junit", flags.junit, image);
  const console = await requireOptionFile("--console", flags.console, image);
  const secrets = new Secrets();
  for (const secret of template.secrets) secrets.add(secret);
  const bus = createBus(template.name, secrets, [await output.createSink()]);
  const subject = `Image: ${shortPath(image)}`;
  const reporter = createReporter(output, secrets, flags, { title, subject });
  try {
    const report = await interruptible((signal) =>
      testImage({
        template,
        image,
        arch,
        disks,
        // Only values given in this call override those of the acceptance section.
        memory: flags.memory === undefined ? undefined : template.machine.memory,
        cpus: flags.cpus === undefined ? undefined : template.machine.cpus,
        context,
        seed: flags.seed,
        console,
        emit: bus.emit,
        secrets,
        signal,
        onRound: (round) => reporter.onRound(round),
        onResult: (result) => reporter.onResult(result),
      }),
    );
    return await reporter.finish(report);
  } finally {
    await bus.close();
  }
}

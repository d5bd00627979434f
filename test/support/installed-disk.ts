/** Puts an installed disk into the cache, so that templates can be built without a guest. */
import { mkdir, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { installLocation } from "../../src/base/cached-install.js";
import { planInstall } from "../../src/install/install.js";
import type { InstallDefinition } from "../../src/install/schema.js";
import { planMachine } from "../../src/requirements/plan.js";
import { loadTemplate } from "../../src/template/load.js";
import { referencesOf } from "../../src/template/references.js";
import type { CliHome } from "./cli.js";

/**
 * Puts a disk into the cache, as if the installer of a template had created it. `$XDG_CACHE_HOME`
 * of the test must be that of the home.
 * @param path of the template, whose base is an installer, in the home.
 * @param digest of the disk, 64 hexadecimal digits; its content follows from it.
 */
export async function cacheInstalledDisk(
  home: CliHome,
  path: string,
  digest: string,
): Promise<void> {
  const template = await loadTemplate(join(home.folder, path));
  const { install: definition } = template.base as { install: InstallDefinition };
  const context = { emit: () => {}, signal: new AbortController().signal, offline: true };
  const plan = await planInstall(definition, {
    ...context,
    templateFolder: template.folder,
    references: referencesOf(template),
  });
  const machine = planMachine(template);
  const at = await installLocation(plan, {
    ...{
      signal: context.signal,
      disk: template.machine.disk,
      installer: { machine, keepsSize: false },
    },
  });
  await mkdir(dirname(at), { recursive: true });
  const content = join(home.folder, "content");
  await writeFile(content, digest.repeat(1024));
  await execa("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", content, at]);
  const { size: bytes, mtimeMs } = await stat(at);
  const record = { size: bytes, mtimeMs, digest, origin: "x", hasKey: false, hasVariables: false };
  await writeFile(`${at}.json`, JSON.stringify(record));
}

/**
 * Checks the folders that vmbuild writes to, the current folder, and the network settings of the
 * environment.
 */
import { access, constants, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { asVmbuildError, systemCode } from "../errors.js";
import { environmentAuthorities } from "../host/authorities.js";
import { hasNoHome, temporaryRoot } from "../host/folders.js";
import { currentFolder } from "../host/current-folder.js";
import { runtimeFolder } from "../host/paths.js";
import { describeProxy, proxyFor } from "../host/proxy.js";
import { unmet, ok } from "./check.js";
import type { Check } from "./check.js";

/**
 * Returns the reason why a folder cannot be written to; undefined when it can.
 * @param options `mustExist`: vmbuild does not create this folder.
 */
export async function writeProblem(
  folder: string,
  { mustExist = false }: { readonly mustExist?: boolean } = {},
): Promise<string | undefined> {
  for (let at = folder; ; at = dirname(at)) {
    try {
      const status = await stat(at);
      if (!status.isDirectory()) return `${at} is not a folder`;
      await access(at, constants.W_OK | constants.X_OK);
      return undefined;
    } catch (error) {
      const isMissing = !mustExist && systemCode(error) === "ENOENT" && dirname(at) !== at;
      if (isMissing) continue;
      const { message } = asVmbuildError(error);
      return at === folder ? message : `${folder} cannot be created: ${message}`;
    }
  }
}

/** Creates the result for a required folder that cannot be written to. */
export function unwritable(name: string, problem: string, variable: string): Check {
  const home = hasNoHome(variable) ? "; this user has no home folder (HOME)" : "";
  return unmet(name, true, {
    found: `${problem}${home}`,
    cost: "no template can be built",
    fix: `use another folder: ${variable}=/elsewhere`,
  });
}

/** Checks the folders of sockets and of temporary files, and the current folder. */
export async function checkFolders(): Promise<Check[]> {
  const temporary = temporaryRoot();
  const problem = await writeProblem(temporary, { mustExist: true });
  const here = currentFolder();
  return [
    problem === undefined
      ? ok("temporary folder", temporary)
      : unmet("temporary folder", false, {
          found: problem,
          cost: "programs that vmbuild runs may fail, such as mmdebstrap",
          fix: "use another folder: TMPDIR=/elsewhere",
        }),
    await runtimeFolder().then(
      (folder) => ok("socket folder", folder),
      (thrown: unknown) => {
        const { message, lines } = asVmbuildError(thrown);
        return unwritable("socket folder", [message, ...lines].join("; "), "XDG_RUNTIME_DIR");
      },
    ),
    ...(here === undefined
      ? [
          unmet("current folder", true, {
            found: "it no longer exists",
            cost: "relative paths cannot be resolved",
            fix: "cd ~",
          }),
        ]
      : []),
  ];
}

/** Schemes of the addresses that are checked; `no_proxy` is not considered. */
const SCHEMES = ["http", "https"] as const;

/** Checks the proxies and certificates that the environment names; none where it names none. */
export function checkNetwork(): Check[] {
  const cost = "downloads fail";
  const checks = SCHEMES.flatMap((scheme): Check[] => {
    try {
      const env = { ...process.env, no_proxy: undefined, NO_PROXY: undefined };
      const proxy = proxyFor(new URL(`${scheme}://example.org`), env);
      return proxy ? [ok(`${scheme} proxy`, describeProxy(proxy))] : [];
    } catch (thrown) {
      const { message, hint } = asVmbuildError(thrown);
      return [unmet(`${scheme} proxy`, false, { found: message, cost, fix: hint })];
    }
  });
  const { certificates, problems } = environmentAuthorities();
  const found = problems.join("; ");
  const fix = "correct or unset the variable";
  if (found !== "") checks.push(unmet("certificates", false, { found, cost, fix }));
  else if (certificates.length > 0) {
    checks.push(ok("certificates", `${certificates.length} named by the environment`));
  }
  return checks;
}

import { z } from "zod";
import { asVmbuildError } from "../../errors.js";
import { diskSize, sizeOr } from "../../fields.js";
import { BOOTSTRAP_ONLY_PROGRAMS, BOOTSTRAP_PROGRAMS } from "../bootstrap/bootstrap.js";
import { findEmulation } from "../bootstrap/emulation.js";
import { findRights } from "../bootstrap/namespace.js";
import { checkSpec, DEFAULT_SIZE, haveKernel } from "../bootstrap/spec.js";
import {
  bootstrapLocation,
  bootstrapSpec,
  cachedSystem,
  resolveBootstrap,
} from "../cached-bootstrap.js";
import { architectureNamed } from "../../machine/architectures/registry.js";
import { defineBaseKind } from "../kind.js";
import type { BaseCheck, BaseCheckContext } from "../kind.js";

const schema = z
  .strictObject({
    bootstrap: z
      .strictObject({
        suite: z
          .string()
          .min(1)
          .describe('code name of a Debian release, such as "bookworm" or "trixie"'),
        packages: z
          .array(z.string())
          .default([])
          .describe(
            "packages in addition to those that are needed to boot and to run SSH; a kernel, such as linux-image-amd64, replaces the cloud kernel",
          ),
        size: sizeOr(diskSize, DEFAULT_SIZE).describe(
          "virtual size of the base, which the build extends to `machine.disk`",
        ),
        secureBoot: z
          .boolean()
          .default(false)
          .describe(
            "install boot loaders that are signed for UEFI secure boot; machine.secureBoot implies it",
          ),
      })
      .describe("Debian base that is created on this host"),
  })
  .describe("base that is created from Debian packages");

type Definition = z.infer<typeof schema>;

function check({ bootstrap }: Definition, { machine }: BaseCheckContext): BaseCheck {
  const spec = bootstrapSpec(bootstrap, machine.arch);
  try {
    checkSpec(spec);
  } catch (thrown) {
    return { problems: [{ key: ["bootstrap"], message: asVmbuildError(thrown).message }] };
  }
  return { image: bootstrapLocation(spec), virtualSize: spec.size ?? DEFAULT_SIZE };
}

/** Returns the kernel that a bus needs in place of the usual one. */
function kernelFor(packages: readonly string[], diskBus: string): string[] {
  // Debian's cloud kernels have no driver for SATA. Only x86_64 has machines with such disks.
  return diskBus === "sata" && !haveKernel(packages) ? ["linux-image-amd64"] : [];
}

/** Base that is created from Debian packages. */
export const bootstrapBase = defineBaseKind<Definition>({
  name: "bootstrap",
  form: "{bootstrap: {suite}}",
  schema,
  mayUseOtherFiles: false,
  host: {
    programs: BOOTSTRAP_ONLY_PROGRAMS,
    cost: "bases cannot be created from packages",
    prerequisite: {
      name: "user namespaces",
      program: "mmdebstrap",
      async probe(arch, signal) {
        const rights = await findRights(signal);
        const { mode, mapped } = rights;
        const usable = mapped ? "usable" : `not needed by root (${mode})`;
        const emulation = await findEmulation(architectureNamed(arch), rights, signal);
        if (!emulation) return usable;
        const { registration } = emulation;
        const by = registration === undefined ? "this host" : "each bootstrap";
        return `${usable}; ${arch} programs run by emulation that ${by} registers`;
      },
    },
  },
  async resolve({ bootstrap }, context) {
    const { path, digest, system } = await resolveBootstrap(
      bootstrapSpec(bootstrap, context.installer.machine.arch),
      context,
    );
    return { path, origin: bootstrap.suite, digest: `sha256:${digest}`, system };
  },
  complete: ({ bootstrap }, { secureBoot, diskBus }) => ({
    bootstrap: {
      ...bootstrap,
      packages: [...bootstrap.packages, ...kernelFor(bootstrap.packages, diskBus)],
      secureBoot: bootstrap.secureBoot || secureBoot,
    },
  }),
  bootstrapped: (definition) => definition,
  programs: () => BOOTSTRAP_PROGRAMS,
  check: (base, context) => Promise.resolve(check(base, context)),
  system: ({ bootstrap }, { arch }) => cachedSystem(bootstrapSpec(bootstrap, arch)),
  inspect: ({ bootstrap }, { arch }) => ({
    origin: [bootstrap.suite, ...bootstrap.packages.map((name) => `+${name}`)].join(" "),
    path: bootstrapLocation(bootstrapSpec(bootstrap, arch)),
    present: "cached",
    absent: "not cached: will be created, which takes minutes",
  }),
});

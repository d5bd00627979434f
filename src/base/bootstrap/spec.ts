/** What a bootstrapped base is made of, and the key under which it is cached. Pure. */
import { createHash } from "node:crypto";
import { VmbuildError } from "../../errors.js";

/** What a template asks for. */
export interface BootstrapSpec {
  /** Debian's code name: `bookworm`, `trixie`. */
  readonly suite: string;
  /** Packages beside those that make the image boot and answer. */
  readonly packages: readonly string[];
  /** Virtual size of the image, bytes; {@link DEFAULT_SIZE} unless given. */
  readonly size?: number | undefined;
}

/** Raised whenever the same spec would give another image; part of the cache key. */
const RECIPE = 2;

/** Virtual bytes. The file is sparse, and the build's overlay is grown to the machine's disk. */
export const DEFAULT_SIZE = 3 * 2 ** 30;

/** Below this the packages that every base has do not fit. */
const SMALLEST_SIZE = 2 ** 31;

/**
 * What every base has: kernel, boot loader, init, network, SSH and cloud-init. The list keeps to
 * what makes a bare image boot, be reached and be provisioned; the rest is the template's.
 */
const ESSENTIAL_PACKAGES: readonly string[] = [
  "ca-certificates",
  "cloud-guest-utils",
  "cloud-init",
  "dbus",
  "e2fsprogs",
  "fdisk",
  "grub-efi-amd64-bin",
  "grub-pc-bin",
  "grub2-common",
  "initramfs-tools",
  "iproute2",
  "iputils-ping",
  "linux-image-cloud-amd64",
  "netbase",
  "openssh-server",
  "procps",
  "sudo",
  "systemd-resolved",
  "systemd-sysv",
  "systemd-timesyncd",
  "udev",
  "zstd",
];

/** The cache key in readable form; a cache shows its differences to explain a miss. */
export interface BootstrapKey {
  readonly kind: "bootstrap";
  readonly recipe: number;
  readonly architecture: "amd64";
  readonly suite: string;
  /** Sorted, without repetition, essential ones included. */
  readonly packages: readonly string[];
  /** Virtual bytes. */
  readonly size: number;
}

/** apt's code names, and the symbolic names that follow releases about. */
const SUITE = /^[a-z][a-z0-9-]{0,39}$/;
/** Debian policy 5.6.1: lower case letters, digits, `+`, `-`, `.`; two characters at least. */
const PACKAGE = /^[a-z0-9][a-z0-9+.-]+$/;

function invalid(message: string, hint: string): VmbuildError {
  return new VmbuildError("BASE_BOOTSTRAP", message, { hint });
}

/** The packages to install: the essential ones and the template's, sorted, each once. */
export function allPackages(spec: BootstrapSpec): string[] {
  return [...new Set([...ESSENTIAL_PACKAGES, ...spec.packages])].toSorted();
}

/**
 * Checks the names before any of them reaches a shell or apt, which would read `-x`, `name/suite`
 * or a pattern as something else than a name.
 * @throws {VmbuildError} BASE_BOOTSTRAP, naming the value.
 */
export function checkSpec(spec: BootstrapSpec): void {
  if (!SUITE.test(spec.suite)) {
    throw invalid(
      `${JSON.stringify(spec.suite)} is not a valid name of a Debian suite`,
      "Use a code name, such as bookworm or trixie.",
    );
  }
  const wrong = allPackages(spec).filter(
    // apt takes a last `-` or `+` for "remove" or "install"; g++ is a package all the same.
    (name) => !PACKAGE.test(name) || name.endsWith("-") || /[^+]\+$/.test(name),
  );
  if (wrong.length > 0) {
    throw invalid(
      `Not a valid name of a Debian package: ${wrong.map((name) => JSON.stringify(name)).join(", ")}`,
      "Use plain package names, without version or suite.",
    );
  }
  const size = spec.size ?? DEFAULT_SIZE;
  if (!Number.isSafeInteger(size) || size < SMALLEST_SIZE) {
    throw invalid(
      "A bootstrapped base needs at least 2 GiB",
      "Increase base.bootstrap.size, or omit it.",
    );
  }
}

/** The readable form of {@link bootstrapKey}. */
export function describeBootstrap(spec: BootstrapSpec): BootstrapKey {
  return {
    kind: "bootstrap",
    recipe: RECIPE,
    architecture: "amd64",
    suite: spec.suite,
    packages: allPackages(spec),
    size: spec.size ?? DEFAULT_SIZE,
  };
}

/** What the cache key of a bootstrapped base depends on, as the sha256 of its JSON in hex. */
export function bootstrapKey(spec: BootstrapSpec): string {
  return createHash("sha256")
    .update(JSON.stringify(describeBootstrap(spec)))
    .digest("hex");
}

/** A UUID that is the same for the same key and purpose, so that an image can be made again. */
export function derivedUuid(spec: BootstrapSpec, purpose: string): string {
  const hex = createHash("sha256")
    .update(`${bootstrapKey(spec)} ${purpose}`)
    .digest("hex");
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 3) | 8).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `4${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join("-");
}

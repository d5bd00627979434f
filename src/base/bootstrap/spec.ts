/** Defines what a bootstrapped base consists of, and the key under which it is cached. Pure. */
import { createHash } from "node:crypto";
import { VmbuildError } from "../../errors.js";
import type { DebianPort } from "../../machine/architectures/architecture.js";
import { DEFAULT_ARCHITECTURE, architectureNamed } from "../../machine/architectures/registry.js";
import type { ArchitectureName } from "../../machine/architectures/registry.js";

/** Bootstrap as a template defines it. */
export interface BootstrapSpec {
  /** Code name of a Debian release: `bookworm`, `trixie`. */
  readonly suite: string;
  /** Packages in addition to the essential ones. */
  readonly packages: readonly string[];
  /** Architecture of the guest; the default one unless given. */
  readonly arch?: ArchitectureName | undefined;
  /** Virtual size of the image in bytes; by default {@link DEFAULT_SIZE}. */
  readonly size?: number | undefined;
  /** The base starts under UEFI secure boot. */
  readonly secureBoot?: boolean | undefined;
}

/**
 * Version of the procedure. Raised when the same spec results in another image; part of the cache
 * key.
 */
const RECIPE = 2;

/**
 * Default virtual size in bytes. The file is sparse, and the build's overlay has the size of the
 * machine's disk.
 */
export const DEFAULT_SIZE = 3 * 2 ** 30;

/** Smallest virtual size in bytes that the essential packages fit into. */
const SMALLEST_SIZE = 2 ** 31;

/**
 * Packages of every base besides kernel and boot loader: init, network, SSH and cloud-init. Only
 * what an image needs to boot and to be provisioned; the template adds the rest.
 */
const ESSENTIAL_PACKAGES: readonly string[] = [
  "ca-certificates",
  "cloud-guest-utils",
  "cloud-init",
  "dbus",
  "e2fsprogs",
  "fdisk",
  "grub2-common",
  "initramfs-tools",
  "iproute2",
  "iputils-ping",
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

/** Cache key in readable form. */
export interface BootstrapKey {
  readonly kind: "bootstrap";
  readonly recipe: number;
  /** Debian's name of it. */
  readonly architecture: string;
  readonly suite: string;
  /** Sorted and unique, including the essential ones. */
  readonly packages: readonly string[];
  /** Virtual size in bytes. */
  readonly size: number;
  readonly secureBoot?: true;
}

/** Code names and symbolic names of releases. */
const SUITE = /^[a-z][a-z0-9-]{0,39}$/;
/** Debian policy 5.6.1: lower case letters, digits, `+`, `-`, `.`; at least two characters. */
const PACKAGE = /^[a-z0-9][a-z0-9+.-]+$/;

function invalid(message: string, hint: string): VmbuildError {
  return new VmbuildError("BASE_BOOTSTRAP", message, { hint });
}

/** Returns the names that Debian uses for the architecture of a spec. */
export function debianPortOf({ arch = DEFAULT_ARCHITECTURE.name }: BootstrapSpec): DebianPort {
  return architectureNamed(arch).debian;
}

/** Returns whether packages contain a kernel. */
export function haveKernel(packages: readonly string[]): boolean {
  return packages.some(isKernel);
}

const isKernel = (name: string): boolean => name.startsWith("linux-image-");

/**
 * Returns the packages to install: the essential ones and the template's, sorted and unique. A kernel
 * among the template's replaces the usual one: GRUB would start the one that sorts last.
 */
export function allPackages(spec: BootstrapSpec): string[] {
  const { packages: usual, signedLoaders } = debianPortOf(spec);
  const packages = haveKernel(spec.packages) ? usual.filter((name) => !isKernel(name)) : usual;
  const loaders = spec.secureBoot ? (signedLoaders?.packages ?? []) : [];
  const all = [...ESSENTIAL_PACKAGES, ...packages, ...loaders, ...spec.packages];
  return [...new Set(all)].toSorted();
}

/**
 * Checks all names before they reach a shell or apt, which would not interpret `-x`, `name/suite`
 * or a pattern as a name.
 * @throws {VmbuildError} BASE_BOOTSTRAP with the invalid value.
 */
export function checkSpec(spec: BootstrapSpec): void {
  if (!SUITE.test(spec.suite)) {
    throw invalid(
      `${JSON.stringify(spec.suite)} is not a valid name of a Debian suite`,
      "Use a code name, such as bookworm or trixie.",
    );
  }
  const wrong = allPackages(spec).filter(
    // For apt, a final `-` or `+` means "remove" or "install"; g++ is nevertheless a package.
    (name) => !PACKAGE.test(name) || name.endsWith("-") || /[^+]\+$/.test(name),
  );
  if (wrong.length > 0) {
    throw invalid(
      `Not a valid name of a Debian package: ${wrong.map((name) => JSON.stringify(name)).join(", ")}`,
      "Use plain package names, without version or suite.",
    );
  }
  if (spec.secureBoot && !debianPortOf(spec).signedLoaders) {
    throw invalid(
      `Debian has no signed boot loaders for ${spec.arch}`,
      "Build without secureBoot, which this architecture does not have.",
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

/** Returns {@link bootstrapKey} in readable form. */
export function describeBootstrap(spec: BootstrapSpec): BootstrapKey {
  return {
    kind: "bootstrap",
    recipe: RECIPE,
    architecture: debianPortOf(spec).name,
    suite: spec.suite,
    packages: allPackages(spec),
    size: spec.size ?? DEFAULT_SIZE,
    ...(spec.secureBoot ? { secureBoot: true } : {}),
  };
}

/**
 * Returns the cache key of a bootstrapped base: the sha256 of its readable form as JSON, in hex.
 */
export function bootstrapKey(spec: BootstrapSpec): string {
  return createHash("sha256")
    .update(JSON.stringify(describeBootstrap(spec)))
    .digest("hex");
}

/**
 * Returns a UUID derived from the key and a purpose, so that the same spec results in the same
 * image.
 */
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

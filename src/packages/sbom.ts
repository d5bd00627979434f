/**
 * Describes the packages of an image as a software bill of materials: CycloneDX 1.6 in JSON
 * (cyclonedx.org/docs/1.6/json).
 */
import { createHash } from "node:crypto";
import { PackageURL } from "packageurl-js";
import type { GuestPackages, InstalledPackage } from "./list.js";

/** Version of the specification. */
const SPEC_VERSION = "1.6";

/** Image that is described. */
export interface DescribedImage {
  readonly name: string;
  readonly version: string;
  /** ISO 8601. */
  readonly created: string;
  /** Digests of the image's file in hexadecimal, by algorithm: `sha256`. */
  readonly checksums: Readonly<Record<string, string>>;
  /** Version of vmbuild. */
  readonly tool: string;
  /** Type of component in CycloneDX: an image is a platform. */
  readonly kind?: "platform" | "file";
}

/** Python package. */
interface PythonPackage {
  readonly name: string;
  readonly version: string;
  /** In hexadecimal. */
  readonly sha256: string;
}

/** Names of algorithms in CycloneDX. */
const HASHES: Readonly<Record<string, string>> = {
  md5: "MD5",
  sha1: "SHA-1",
  sha256: "SHA-256",
  sha512: "SHA-512",
};

/** Returns the package URL (purl-spec), such as `pkg:deb/debian/bash@5.2?arch=amd64&distro=debian-12`. */
export function packageUrl(one: InstalledPackage, os: Readonly<Record<string, string>>): string {
  const id = os["ID"]?.toLowerCase();
  const release = os["VERSION_ID"];
  const distro = id === undefined ? undefined : release === undefined ? id : `${id}-${release}`;
  const { source } = one;
  const upstream =
    source && (source.version === undefined ? source.name : `${source.name}@${source.version}`);
  const epoch = one.type === "rpm" ? /^(\d+):/.exec(one.version)?.[1] : undefined;
  // An epoch is a part of the version for Debian's packages, and a qualifier for those of rpm.
  const version = epoch === undefined ? one.version : one.version.slice(epoch.length + 1);
  const qualifiers = { arch: one.arch, distro, epoch, upstream };
  const given = Object.entries(qualifiers).filter((entry) => entry[1] !== undefined);
  const parts = [one.type, id, one.name, version, Object.fromEntries(given)] as const;
  return new PackageURL(
    ...(parts as unknown as ConstructorParameters<typeof PackageURL>),
  ).toString();
}

function componentOf(one: InstalledPackage, os: Readonly<Record<string, string>>) {
  const purl = packageUrl(one, os);
  return {
    type: "library",
    "bom-ref": purl,
    ...(one.supplier === undefined ? {} : { supplier: { name: one.supplier } }),
    name: one.name,
    version: one.version,
    ...(one.summary === undefined ? {} : { description: one.summary }),
    ...(one.license === undefined ? {} : { licenses: [{ license: { name: one.license } }] }),
    purl,
  };
}

function systemOf(os: Readonly<Record<string, string>>) {
  const { ID, VERSION_ID, PRETTY_NAME, CPE_NAME } = os;
  if (ID === undefined) return [];
  return [
    {
      type: "operating-system",
      "bom-ref": "operating-system",
      name: ID,
      ...(VERSION_ID === undefined ? {} : { version: VERSION_ID }),
      ...(PRETTY_NAME === undefined ? {} : { description: PRETTY_NAME }),
      ...(CPE_NAME === undefined ? {} : { cpe: CPE_NAME }),
    },
  ];
}

/** Returns a UUID that depends on the content alone, so that the same image has the same one. */
function serialNumber(content: string): string {
  const hex = createHash("sha256").update(content).digest("hex");
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 0x3) | 0x8).toString(16);
  const parts = [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`];
  return `urn:uuid:${[...parts, `${variant}${hex.slice(17, 20)}`, hex.slice(20, 32)].join("-")}`;
}

function pythonComponentOf({ name, version, sha256 }: PythonPackage) {
  // Names are equal without regard to case and to the separator (PEP 503).
  const purl = new PackageURL(
    "pypi",
    null,
    name.toLowerCase().replaceAll("_", "-"),
    version,
    null,
  ).toString();
  const hashes = [{ alg: "SHA-256", content: sha256 }];
  return { type: "library", "bom-ref": purl, name, version, hashes, purl };
}

/** Returns the document as text. */
export function formatSbom(
  { os, packages }: Pick<GuestPackages, "os" | "packages">,
  image: DescribedImage,
  python: readonly PythonPackage[] = [],
): string {
  const { name, version, created, checksums, tool, kind = "platform" } = image;
  const hashes = Object.entries(checksums).flatMap(([algorithm, content]) => {
    const alg = HASHES[algorithm];
    return alg === undefined ? [] : [{ alg, content }];
  });
  const system = packages.map((one) => componentOf(one, os));
  const found = [...system, ...python.map(pythonComponentOf)];
  // A name can only be referred to once.
  const components = [...new Map(found.map((one) => [one["bom-ref"], one])).values()];
  const described = [...systemOf(os), ...components];
  const document = {
    $schema: `http://cyclonedx.org/schema/bom-${SPEC_VERSION}.schema.json`,
    bomFormat: "CycloneDX",
    specVersion: SPEC_VERSION,
    serialNumber: serialNumber(JSON.stringify([name, version, checksums, described])),
    version: 1,
    metadata: {
      timestamp: created,
      tools: { components: [{ type: "application", name: "vmbuild", version: tool }] },
      component: { type: kind, "bom-ref": "image", name, version, hashes },
    },
    components: described,
    dependencies: [
      { ref: "image", dependsOn: described.map((one) => one["bom-ref"]) },
      ...described.map((one) => ({ ref: one["bom-ref"] })),
    ],
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

/**
 * Describes how an image was made: an in-toto statement (in-toto.io/Statement/v1) with SLSA's
 * provenance predicate (slsa.dev/spec/v1.0/provenance), in a DSSE envelope.
 */
import { pathToFileURL } from "node:url";
import type { Manifest } from "./manifest.js";

/** Type of the payload of the envelope. */
const PAYLOAD_TYPE = "application/vnd.in-toto+json";
/** Identifies what the parameters mean; they are described in docs/provenance.md. */
const BUILD_TYPE = "urn:vmbuild:build:v1";
/** Identifies the builder where the template does not. */
export const DEFAULT_BUILDER = "urn:vmbuild:builder:unidentified";

/** Facts of a build that its manifest does not have. */
export interface BuildFacts {
  /** URI of the builder: the service or the host that is trusted to run builds. */
  readonly builder: string;
  /** Id of the run. */
  readonly runId: string;
  /** Values of variables, without those that are sensitive. */
  readonly variables: Readonly<Record<string, unknown>>;
}

/** Artifact that another one was made from (ResourceDescriptor of in-toto). */
interface Dependency {
  readonly name: string;
  readonly uri?: string;
  readonly digest?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Returns a digest `sha256:<hex>` as in-toto writes it. */
function digestSet(digest: string | undefined): { digest?: Record<string, string> } {
  const [algorithm, hex] = digest?.split(":") ?? [];
  return algorithm === undefined || hex === undefined ? {} : { digest: { [algorithm]: hex } };
}

const isUri = (text: string): boolean => /^[a-z][a-z0-9+.-]*:\/\//i.test(text);

/** Returns the URI of an origin; undefined for a name, such as that of a suite. */
function uriOf(origin: string): { uri?: string } {
  if (isUri(origin)) return { uri: origin };
  return origin.startsWith("/") ? { uri: pathToFileURL(origin).href } : {};
}

function baseOf({ base }: Manifest): Dependency {
  const { kind, origin, digest, source } = base;
  const annotations = { kind, origin };
  return { name: "base", ...uriOf(origin), ...digestSet(source ?? digest), annotations };
}

function inputOf({ name, origin, digest, commit }: Manifest["inputs"][number]): Dependency {
  const subject = `input ${name}`;
  if (commit === undefined) return { name: subject, ...uriOf(origin), ...digestSet(digest) };
  // The prefix of SPDX and pip; a path of another host than a URL is written with ssh.
  const address = isUri(origin) ? origin : (uriOf(origin).uri ?? `ssh://${origin}`);
  return { name: subject, uri: `git+${address}@${commit}`, digest: { gitCommit: commit } };
}

/** Returns the parts of the template as dependencies. */
function templatesOf({ template }: Manifest): Dependency[] {
  return (template.parents ?? []).map(({ path, digest }) => ({
    name: `template ${path}`,
    ...digestSet(digest),
  }));
}

/** A descriptor must identify its content by a URI or a digest. */
const isIdentified = ({ uri, digest }: Dependency): boolean =>
  uri !== undefined || digest !== undefined;

/** Returns the statement about all images of a manifest. */
export function provenanceOf(manifest: Manifest, facts: BuildFacts) {
  const { name, version, template, vmbuild, qemu, accelerator, host, created } = manifest;
  const dependencies = [
    baseOf(manifest),
    ...manifest.inputs.map(inputOf),
    ...templatesOf(manifest),
  ];
  return {
    _type: "https://in-toto.io/Statement/v1",
    subject: manifest.files.map((file) => ({ name: file.name, digest: { ...file.checksums } })),
    predicateType: "https://slsa.dev/provenance/v1",
    predicate: {
      buildDefinition: {
        buildType: BUILD_TYPE,
        externalParameters: {
          name,
          version,
          template: {
            ...(template.path === undefined ? {} : { path: template.path }),
            ...digestSet(template.digest),
          },
          variables: facts.variables,
        },
        internalParameters: { qemu: qemu.version, accelerator, ...(host ? { host } : {}) },
        resolvedDependencies: dependencies.filter(isIdentified),
      },
      runDetails: {
        builder: { id: facts.builder, version: { vmbuild: vmbuild.version } },
        // A time of the specification has no fraction of a second.
        metadata: {
          invocationId: facts.runId,
          finishedOn: created.replace(/\.\d+Z$/, "Z"),
        },
      },
    },
  };
}

/**
 * Formats a statement as a line of JSON: an envelope (github.com/secure-systems-lab/dsse) without
 * signatures. The signature with an SSH key is a file beside it.
 */
export function formatEnvelope(statement: object): string {
  const payload = Buffer.from(JSON.stringify(statement)).toString("base64");
  return `${JSON.stringify({ payloadType: PAYLOAD_TYPE, payload, signatures: [] })}\n`;
}

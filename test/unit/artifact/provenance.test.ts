/** The provenance: its schema, and that it has no secrets. */
import { Ajv } from "ajv";
import { describe, expect, it } from "vitest";
import { formatEnvelope, provenanceOf } from "../../../src/artifact/provenance.js";
import { companionProblem } from "../../../src/artifact/names.js";
import type { Manifest } from "../../../src/artifact/manifest.js";
import { NEW_SHA256, exampleManifest } from "./example.js";

const text = { type: "string", minLength: 1 };
const uri = { type: "string", pattern: "^[a-z][a-z0-9+.-]*:\\S+$" };
const time = { type: "string", pattern: "^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ$" };
const digest = {
  type: "object",
  minProperties: 1,
  additionalProperties: { type: "string", pattern: "^[0-9a-f]+$" },
};
const objectOf = (properties: object, required: readonly string[]): object => ({
  ...{ type: "object", properties, required, additionalProperties: false },
});
/** ResourceDescriptor: at least one of uri, digest and content. */
const descriptor = {
  ...objectOf({ name: text, uri, digest, annotations: { type: "object", minProperties: 1 } }, [
    "name",
  ]),
  anyOf: [{ required: ["uri"] }, { required: ["digest"] }],
};

/** Schema of slsa.dev/spec/v1.0/provenance and in-toto's Statement v1, as far as it is used. */
const SCHEMA = objectOf(
  {
    _type: { const: "https://in-toto.io/Statement/v1" },
    subject: { type: "array", minItems: 1, items: objectOf({ name: text, digest }, ["digest"]) },
    predicateType: { const: "https://slsa.dev/provenance/v1" },
    predicate: objectOf(
      {
        buildDefinition: objectOf(
          {
            buildType: uri,
            externalParameters: { type: "object", minProperties: 1 },
            internalParameters: { type: "object" },
            resolvedDependencies: { type: "array", items: descriptor },
          },
          ["buildType", "externalParameters"],
        ),
        runDetails: objectOf(
          {
            builder: objectOf(
              {
                id: uri,
                version: { type: "object", additionalProperties: text },
                builderDependencies: { type: "array", items: descriptor },
              },
              ["id"],
            ),
            metadata: objectOf({ invocationId: text, startedOn: time, finishedOn: time }, []),
            byproducts: { type: "array", items: descriptor },
          },
          ["builder"],
        ),
      },
      ["buildDefinition", "runDetails"],
    ),
  },
  ["_type", "subject", "predicateType", "predicate"],
);

const facts = { builder: "https://ci.example.org/x", runId: "r-1", variables: { model: "small" } };
const statementOf = (more: Partial<Manifest> = {}) =>
  provenanceOf({ ...exampleManifest(), ...more }, facts);

describe("the statement", () => {
  const hex = "b".repeat(64);
  const sha256 = `sha256:${hex}`;

  it.each<[string, Partial<Manifest>]>([
    ["of a bootstrapped base", {}],
    [
      "with everything",
      {
        base: { kind: "url", origin: "https://x.org/a.qcow2.xz", digest: sha256, source: sha256 },
        template: { digest: sha256, parents: [{ path: "base.json", digest: sha256 }] },
        inputs: [
          { name: "a", origin: "https://x.org/a", digest: sha256 },
          { name: "b", origin: "git@x.org:b.git", commit: "c0ffee" },
          { name: "c", origin: "/srv/a folder" },
        ],
      },
    ],
  ])("%s matches the schema", (_, more) => {
    const validate = new Ajv({ strict: false, allErrors: true }).compile(SCHEMA);
    validate(JSON.parse(JSON.stringify(statementOf(more))));
    expect(validate.errors).toBeNull();
  });

  it("identifies the images and what they were made from", () => {
    const base = { kind: "url", origin: "https://x.org/a.xz", digest: `sha256:${"c".repeat(64)}` };
    const inputs = [{ name: "b", origin: "https://x.org/b.git", commit: "c0ffee" }];
    const { subject, predicate } = statementOf({ base: { ...base, source: sha256 }, inputs });
    expect(subject).toEqual([{ name: "demo.qcow2", digest: { sha256: NEW_SHA256 } }]);
    expect(predicate.buildDefinition.resolvedDependencies).toEqual([
      {
        ...{ name: "base", uri: "https://x.org/a.xz", digest: { sha256: hex } },
        annotations: { kind: "url", origin: "https://x.org/a.xz" },
      },
      {
        ...{ name: "input b", uri: "git+https://x.org/b.git@c0ffee" },
        digest: { gitCommit: "c0ffee" },
      },
    ]);
    expect(predicate.runDetails.metadata).toEqual({
      ...{ invocationId: "r-1", finishedOn: "2026-01-02T03:04:05Z" },
    });
  });

  it("is the payload of an envelope in one line", () => {
    const envelope = formatEnvelope(statementOf());
    expect(envelope.split("\n")).toHaveLength(2);
    const { payloadType, payload } = JSON.parse(envelope) as Record<string, string>;
    expect(payloadType).toBe("application/vnd.in-toto+json");
    expect(JSON.parse(Buffer.from(payload ?? "", "base64").toString())).toEqual(statementOf());
  });
});

it("reserves its names, unless there is none", () => {
  const name = "demo.qcow2.intoto.jsonl";
  const on = { packages: false, provenance: {} };
  expect(companionProblem(name, ["demo.qcow2"], on)).toBe(
    `"${name}" is reserved for the provenance of the image`,
  );
  expect(companionProblem(`${name}.sig`, ["demo.qcow2"], on)).toContain("is reserved");
  expect(companionProblem(name, ["demo.qcow2"])).toBeUndefined();
});

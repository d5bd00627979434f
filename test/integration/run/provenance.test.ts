/** The provenance beside an image, and its signature, which ssh-keygen verifies. */
import { appendFile, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Staging } from "../../../src/artifact/publish.js";
import { planOutput } from "../../../src/requirements/plan.js";
import { stageProvenance } from "../../../src/run/provenance.js";
import { loadTemplate } from "../../../src/template/load.js";
import { checkTemplate } from "../../../src/validate/validate.js";
import { sha256Of } from "../../support/artifact.js";
import { errorOf } from "../../support/inputs.js";
import { exampleManifest } from "../../unit/artifact/example.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmbuild-provenance-"));
  for (const name of ["output", "scratch"]) await mkdir(join(folder, name));
});
afterEach(() => rm(folder, { recursive: true }));

const IMAGE = "demo-0.0.0.qcow2";
const STATEMENT = `${IMAGE}.intoto.jsonl`;

/** Loads a template with a sensitive variable. */
async function templateWith(provenance: unknown) {
  const path = join(folder, "demo.json");
  const variables = {
    model: { default: "small" },
    token: { default: "hunter2-hunter2", sensitive: true },
  };
  const output = { directory: join(folder, "output"), provenance };
  await writeFile(path, JSON.stringify({ name: "demo", base: { path: "x" }, variables, output }));
  return loadTemplate(path);
}

/** Writes an image and its provenance as a run does. */
async function write(provenance: unknown) {
  const file = {
    ...{ name: IMAGE, format: "qcow2", size: 5 },
    checksums: { sha256: sha256Of("image") },
  } as const;
  const template = await templateWith(provenance);
  const output = planOutput(template);
  const workspace = { runId: "r-1", run: { scratch: join(folder, "scratch") } };
  const options = { template, signal: new AbortController().signal };
  const context = { template, output, workspace, options };
  await using staging = new Staging(output.folder);
  const described = await stageProvenance(
    context as unknown as Parameters<typeof stageProvenance>[0],
    staging,
    { ...exampleManifest(), files: [file] },
  );
  await staging.write(IMAGE, "image", "image");
  await staging.publish();
  return described;
}

/** Creates an SSH key, and returns its path. */
async function makeKey(name: string, passphrase = ""): Promise<string> {
  const path = join(folder, name);
  await execa("ssh-keygen", ["-q", "-t", "ed25519", "-N", passphrase, "-C", "x", "-f", path]);
  return path;
}

/** Runs the commands of docs/provenance.md in the folder of the image. */
async function verify(key: string) {
  const page = await readFile(new URL("../../../docs/provenance.md", import.meta.url), "utf8");
  const [, script = ""] = /^## Verify\n+```sh\n([\s\S]*?)^```$/m.exec(page) ?? [];
  const publicKey = await readFile(`${key}.pub`, "utf8");
  const own = script
    .replaceAll("demo-1.0.0.qcow2", IMAGE)
    .replace("ssh-ed25519 AAAA…", publicKey.trim());
  const cwd = join(folder, "output");
  return execa("bash", ["-e", "-o", "pipefail"], { cwd, input: own, all: true, reject: false });
}

describe("output.provenance", () => {
  it("is written without secrets, and with its builder", async () => {
    const described = await write({ builder: "https://ci.example.org/images" });
    expect(described).toEqual({ statement: STATEMENT });
    const content = await readFile(join(folder, "output", STATEMENT), "utf8");
    const { payload } = JSON.parse(content) as { payload: string };
    const statement = Buffer.from(payload, "base64").toString();
    expect(statement).not.toContain("hunter2");
    expect(JSON.parse(statement)).toMatchObject({
      predicate: {
        buildDefinition: { externalParameters: { variables: { model: "small" } } },
        runDetails: {
          builder: { id: "https://ci.example.org/images" },
          metadata: { invocationId: "r-1" },
        },
      },
    });
  });

  it("is absent unless it is asked for", async () => {
    expect(await write(undefined)).toBeUndefined();
    expect(await readdir(join(folder, "output"))).toEqual([IMAGE]);
  });

  it("is signed with an SSH key, as the commands of the documentation verify", async () => {
    const key = await makeKey("key");
    const described = await write({ signingKey: "key" });
    expect(described).toEqual({ statement: STATEMENT, signature: `${STATEMENT}.sig` });
    expect(await readdir(join(folder, "scratch"))).toEqual([]);

    const good = await verify(key);
    expect(good.stdout).toContain('Good "file" signature for images@example.org');
    expect(good.stdout).toContain(`${IMAGE}: OK`);
    expect(good.stdout).toContain('"buildType": "urn:vmbuild:build:v1"');
    expect(good.exitCode).toBe(0);

    const other = await verify(await makeKey("other"));
    expect(other.all).toContain("Could not verify signature");
    expect(other.exitCode).not.toBe(0);
    await writeFile(join(folder, "output", IMAGE), "other");
    expect((await verify(key)).all).toContain(`${IMAGE}: FAILED`);
    await appendFile(join(folder, "output", STATEMENT), "\n");
    expect((await verify(key)).stdout).not.toContain("Good");
  });

  it("is signed by the agent that has the private key", async () => {
    const key = await makeKey("key");
    const socket = join(folder, "agent");
    const { stdout } = await execa("ssh-agent", ["-s", "-a", socket]);
    const pid = Number(/SSH_AGENT_PID=(\d+)/.exec(stdout)?.[1]);
    vi.stubEnv("SSH_AUTH_SOCK", socket);
    try {
      await execa("ssh-add", ["-q", key]);
      await rm(key);
      await write({ signingKey: "key.pub" });
      expect((await verify(key)).exitCode).toBe(0);
    } finally {
      vi.unstubAllEnvs();
      process.kill(pid);
    }
  });

  it("is checked by validate", async () => {
    const { problems } = await checkTemplate(await templateWith({ signingKey: "absent" }), {
      signal: new AbortController().signal,
      findArtifact: () => Promise.resolve(undefined),
    });
    expect(problems.join("\n")).toContain("absent does not exist");
    await expect(templateWith({ builder: "no uri" })).rejects.toThrow();
  });

  it("fails the run when the key has a passphrase, without asking for it", async () => {
    await makeKey("locked", "a passphrase");
    const error = await errorOf(write({ signingKey: "locked" }));
    expect(error).toMatchObject({ code: "PROVENANCE_SIGN", exitCode: 9 });
    expect(error.message).toContain(join(folder, "locked"));
    expect(await readdir(join(folder, "output"))).toEqual([]);
  });
});

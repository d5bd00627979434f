/** Releases in S3 as moto implements it, which shares no code with the stand-in for S3. */
import { randomBytes } from "node:crypto";
import { access, readFile } from "node:fs/promises";
import { join } from "node:path";
import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sha256Of, writeArtifact } from "../../support/artifact.js";
import { CLI_MAIN, makeCliHome } from "../../support/cli.js";
import type { CliHome } from "../../support/cli.js";
import { startMoto } from "../../support/moto.js";
import type { Moto } from "../../support/moto.js";

const { failed: noMoto } = await execa("moto_server", ["--help"], { reject: false });
const MIB = 2 ** 20;
const FOLDER = "/images/vm/latest";

let moto: Moto;
let home: CliHome;
let env: Readonly<Record<string, string>>;
beforeEach(async () => {
  [moto, home] = await Promise.all([startMoto(), makeCliHome()]);
  const credentials = { AWS_ACCESS_KEY_ID: "writer", AWS_SECRET_ACCESS_KEY: "secret" };
  env = {
    ...home.env,
    ...{ ...credentials, AWS_ENDPOINT_URL: moto.origin, VMBUILD_STORE: "s3://images/vm" },
  };
});
afterEach(async () => {
  await moto[Symbol.asyncDispose]();
  await home[Symbol.asyncDispose]();
});

const vmbuild = (...args: string[]) => home.runWith(env, ...args);

async function succeed(...args: string[]): Promise<string> {
  const result = await vmbuild(...args);
  if (result.exitCode !== 0) throw new Error(result.stderr);
  return result.stdout;
}

/** Starts a command, and kills it once it waits for a stalled request and `ready` has happened. */
async function killStalled(args: readonly string[], stalled: Promise<void>, ready = () => stalled) {
  const options = { cwd: home.folder, env, extendEnv: false, reject: false } as const;
  const command = execa(process.execPath, [CLI_MAIN, ...args], options);
  await Promise.race([stalled.then(ready), command.then(({ stderr }) => expect.fail(stderr))]);
  command.kill("SIGKILL");
  expect((await command).signal).toBe("SIGKILL");
}

/** Names of the objects that readers of the release see, as moto lists them. */
async function names(): Promise<string[]> {
  const answer = await fetch(`${moto.origin}/images?list-type=2&prefix=vm/latest/`);
  const keys = [...(await answer.text()).matchAll(/<Key>vm\/latest\/([^<]+)</g)];
  return keys.map(([, key = ""]) => key).toSorted();
}

/** Replaces an object of the release, as somebody else with the same rights could. */
async function replaceObject(name: string, body: Buffer): Promise<void> {
  const client = new S3Client({
    ...{ endpoint: moto.origin, region: "us-east-1", forcePathStyle: true },
    credentials: { accessKeyId: "other", secretAccessKey: "secret" },
  });
  await client.send(
    new PutObjectCommand({ Bucket: "images", Key: `vm/latest/${name}`, Body: body }),
  );
  client.destroy();
}

/** Numbers of the chunks that were sent since a request, in order. */
function chunksSince(from: number): number[] {
  return moto.requests.slice(from).flatMap((line) => {
    const number = /^PUT .*[?&]partNumber=(\d+)/.exec(line)?.[1];
    return number === undefined ? [] : Number(number);
  });
}

const image = (folder: string): Promise<Buffer> =>
  readFile(join(home.folder, folder, "demo.qcow2"));

describe.skipIf(noMoto)("moto (needs the program moto_server)", () => {
  it("uploads, lists, verifies, downloads and removes an image in several files", async () => {
    const content = randomBytes(21 * MIB);
    await writeArtifact(home, "demo", content);
    const args = ["release", "upload", "demo", "--part-size", "10M", "--execute"];
    expect(await succeed(...args)).toContain("Updated 1 of 1 image(s)");
    const files = ["aa", "ab", "ac"].map((end) => `demo.qcow2.part${end}`);
    expect(await names()).toEqual(["demo.qcow2.json", ...files, "demo.qcow2.sha256"]);
    expect(chunksSince(0).toSorted((a, b) => a - b)).toEqual([1, 1, 2, 2]);

    expect(await succeed(...args)).toContain("Updated 0 of 1 image(s)");
    expect(await succeed("images", "list")).toContain("demo");
    await succeed("release", "check", "demo");
    await succeed("release", "verify", "demo");
    await succeed("images", "download", "demo", "--output", "in");
    expect(sha256Of(await image("in"))).toBe(sha256Of(content));
    await succeed("release", "remove", "demo", "--execute");
    expect(await names()).toEqual([]);
  });

  it("finds an altered object", async () => {
    await writeArtifact(home, "demo", randomBytes(MIB));
    await succeed("release", "upload", "demo", "--execute");
    await replaceObject("demo.qcow2", randomBytes(MIB));
    const verified = await vmbuild("release", "verify", "demo");
    expect(verified.exitCode).not.toBe(0);
    expect(verified.stderr).toContain("demo.qcow2");
    const downloaded = await vmbuild("images", "download", "demo", "--output", "in");
    expect(downloaded.exitCode).not.toBe(0);
    await expect(image("in")).rejects.toThrow("ENOENT");
  });

  it("continues an upload that was killed, and sends no chunk again", async () => {
    const content = randomBytes(40 * MIB);
    await writeArtifact(home, "demo", content);
    const args = ["release", "upload", "demo", "--execute"];
    await killStalled(args, moto.stall(/^PUT .*partNumber=4/));
    expect(chunksSince(0)).toEqual([1, 2, 3, 4]);
    expect((await names()).filter((name) => !/^upload-.*\.tmp$/.test(name))).toEqual([]);
    expect((await vmbuild("images", "list")).stdout).not.toContain("demo");

    const before = moto.requests.length;
    await succeed(...args);
    expect(chunksSince(before)).toEqual([4, 5]);
    expect(await names()).toEqual(["demo.qcow2", "demo.qcow2.json", "demo.qcow2.sha256"]);
    const uploads = await (await fetch(`${moto.origin}/images?uploads`)).text();
    expect(uploads).not.toContain("<UploadId>");
    await succeed("release", "verify", "demo");
  });

  it("does not mix two uploads at once", async () => {
    const contents = [randomBytes(9 * MIB), randomBytes(17 * MIB)];
    const uploads: (readonly string[])[] = [];
    for (const [at, content] of contents.entries()) {
      await writeArtifact(home, "demo", content);
      const folder = join(home.folder, `output-${at}`);
      await execa("cp", ["-r", join(home.folder, "output", "demo"), folder]);
      const parts = ["--part-size", "5M"];
      uploads.push(["release", "upload", "demo", "--image", folder, ...parts, "--execute"]);
    }
    await Promise.all(uploads.map((args) => succeed(...args)));
    await succeed("release", "verify", "demo");
    await succeed("images", "download", "demo", "--output", "in");
    expect(contents.map(sha256Of)).toContain(sha256Of(await image("in")));
    expect((await names()).every((name) => name.startsWith("demo.qcow2"))).toBe(true);
  });

  it("continues a download that was killed", async () => {
    const content = randomBytes(48 * MIB);
    await writeArtifact(home, "demo", content);
    await succeed("release", "upload", "demo", "--execute");
    const args = ["images", "download", "demo", "--output", "in"];
    const record = join(home.folder, "in", ".demo.qcow2.download", "record.json");
    // How far it came is recorded every 32 MiB.
    const recorded = () => expect.poll(() => access(record), { timeout: 60_000 }).toBeUndefined();
    const whole = new RegExp(`^GET ${FOLDER}/demo\\.qcow2(\\?|$)`);
    await killStalled(args, moto.stall(whole, 40 * MIB), recorded);
    await expect(image("in")).rejects.toThrow("ENOENT");

    const before = moto.requests.length;
    await succeed(...args);
    expect(sha256Of(await image("in"))).toBe(sha256Of(content));
    const reads = moto.requests.slice(before).filter((line) => line.includes("demo.qcow2?x-id"));
    expect(reads).toEqual([expect.stringMatching(/ bytes=3[2-9]\d{6}-$/)]);
  });
});

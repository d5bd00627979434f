/** Data sources of Packer templates, with programs of the host and a server on loopback. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { expect, it, onTestFinished } from "vitest";
import { VmbuildError } from "../../../src/errors.js";
import { loadPackerTemplateWithData } from "../../../src/packer/load-with-data.js";
import type { PackerLoadOptions, Value } from "../../../src/packer/model.js";
import { plain } from "../../unit/packer/support.js";
import { startFileServer } from "../../support/http-server.js";

const BUILD = 'source "qemu" "x" {}\nbuild { sources = ["source.qemu.x"] }\n';

/** Reads a template in a folder of its own, and returns its locals. */
async function localsOf(
  text: string,
  options: PackerLoadOptions = {},
): Promise<Record<string, unknown>> {
  const cwd = await mkdtemp(join(tmpdir(), "vmbuild-data-"));
  onTestFinished(() => rm(cwd, { recursive: true }));
  await writeFile(join(cwd, "a.pkr.hcl"), text + BUILD);
  const { template } = await loadPackerTemplateWithData("a.pkr.hcl", { cwd, ...options });
  const values = template.locals.map(({ name, value }): [string, Value] => [name, value]);
  return Object.fromEntries(values.map(([name, value]) => [name, plain(value)]));
}

/** Returns the lines of the problems of a template. */
async function problemsOf(text: string): Promise<readonly string[]> {
  try {
    await localsOf(text);
  } catch (error) {
    if (error instanceof VmbuildError) return error.lines ?? [];
    throw error;
  }
  throw new Error("the template has no problem");
}

it("gives a checksum that a server publishes to what depends on it", async () => {
  await using server = await startFileServer();
  server.serve("/latest", Buffer.from("v1.2\n"));
  server.serve("/v1.2/SHA256SUMS", Buffer.from("aa  a.iso\nbb  b.iso\n"));
  const locals = await localsOf(`
data "http" "sums" {
  url = "${server.origin}/\${chomp(data.http.latest.body)}/SHA256SUMS"
}
data "http" "latest" { url = "${server.origin}/latest" }
locals {
  sum    = split("  ", split("\\n", data.http.sums.body)[1])[0]
  length = data.http.sums.request_headers["Content-Length"]
  url    = data.http.sums.url
}
`);
  expect(locals).toEqual({ sum: "bb", length: "20", url: `${server.origin}/v1.2/SHA256SUMS` });
  expect(server.requests).toHaveLength(2);
});

it("sends the method, headers and body of a request", async () => {
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      response.setHeader("X-Double", ["one", "two"]);
      response.end(`${request.method} ${request.headers["x-token"] as string} ${body}`);
    });
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  onTestFinished(() => void server.close());
  const locals = await localsOf(`
data "http" "x" {
  url             = "http://127.0.0.1:${(server.address() as AddressInfo).port}/"
  method          = "POST"
  request_headers = { "X-Token" = "secret" }
  request_body    = "hello"
}
locals {
  body   = data.http.x.body
  double = data.http.x.request_headers["X-Double"]
}
`);
  expect(locals).toEqual({ body: "POST secret hello", double: "one, two" });
});

it("runs programs in the current folder, with the query on standard input", async () => {
  const machine = (await execa("uname", ["-m"])).stdout;
  const locals = await localsOf(
    `
variable "word" { default = "one" }
data "external-raw" "machine" { program = ["uname", "-m"] }
data "external-raw" "files" { program = ["ls"] }
data "external-raw" "reversed" {
  program = ["rev"]
  query   = "hello"
}
data "external" "object" {
  program = ["jq", "{ word: .word, given: env.GIVEN }"]
  query   = { word = var.word }
}
data "host-info" "this" {}
data "null" "text" { input = data.external-raw.reversed.result }
locals {
  machine  = trimspace(data.external-raw.machine.result)
  files    = data.external-raw.files.result
  reversed = trimspace(data.null.text.output)
  object   = data.external.object.result
  host     = data.host-info.this.os_type
  absent   = try(data.host-info.this.none, "unknown")
}
`,
    { environment: { ...process.env, GIVEN: "by the environment" } },
  );
  expect(locals).toEqual({
    machine,
    files: "a.pkr.hcl\n",
    reversed: "olleh",
    object: { word: "one", given: "by the environment" },
    host: "linux",
    absent: "unknown",
  });
});

/** Runs git in a folder, without the settings of the user. */
async function git(cwd: string, ...args: readonly string[]): Promise<string> {
  const env = {
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_AUTHOR_NAME: "A U Thor",
    GIT_AUTHOR_EMAIL: "author@example.org",
    GIT_COMMITTER_NAME: "C O Mitter",
    GIT_COMMITTER_EMAIL: "committer@example.org",
    GIT_COMMITTER_DATE: "2024-01-02T10:38:19+01:00",
  };
  return (await execa("git", args, { cwd, env })).stdout;
}

/** Makes a repository with two commits, two branches and a tag; returns its folder. */
async function makeRepository(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "vmbuild-data-git-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  await git(folder, "init", "--quiet", "--initial-branch=main");
  await mkdir(join(folder, "sub"));
  await writeFile(join(folder, "sub", "näme"), "one");
  await git(folder, "add", ".");
  await git(folder, "commit", "--quiet", "-m", "First");
  await git(folder, "tag", "-a", "v1", "-m", "Release");
  await writeFile(join(folder, "b"), "two");
  await git(folder, "add", ".");
  await git(folder, "commit", "--quiet", "-m", "Second\n\nIts body.");
  await git(folder, "branch", "feature/x");
  return folder;
}

it("reads commits, files and the state of a git repository", async () => {
  const folder = await makeRepository();
  const [head, first, tree] = await Promise.all(
    ["HEAD", "HEAD~1", "HEAD^{tree}"].map((name) => git(folder, "rev-parse", name)),
  );
  const text = `
data "git-commit" "head" { path = "${folder}/sub" }
data "git-commit" "tagged" {
  path       = "${folder}"
  commit_ish = "v1"
}
data "git-repository" "here" { path = "${folder}" }
data "git-tree" "first" {
  path       = "${folder}"
  commit_ish = "HEAD~1"
}
locals {
  head   = data.git-commit.head
  tagged = data.git-commit.tagged.hash
  here   = data.git-repository.here
  tree   = data.git-tree.first
}
`;
  // A git that runs vmbuild names its own repository in the environment.
  const locals = await localsOf(text, { environment: { ...process.env, GIT_DIR: "/nowhere" } });
  expect(locals).toEqual({
    head: {
      hash: head,
      branches: ["feature/x", "main"],
      author: "A U Thor <author@example.org>",
      committer: "C O Mitter <committer@example.org>",
      timestamp: "2024-01-02T09:38:19Z",
      pgp_signature: "",
      message: "Second\n\nIts body.\n",
      tree_hash: tree,
      parent_hashes: [first],
    },
    tagged: first,
    here: { head: "main", branches: ["feature/x", "main"], tags: ["v1"], is_clean: true },
    tree: { hash: first, files: ["sub/näme"] },
  });
  await writeFile(join(folder, "untracked"), "");
  await git(folder, "checkout", "--quiet", "--detach");
  const changed = await localsOf(text);
  expect(changed["here"]).toMatchObject({ head: "HEAD", is_clean: false });
});

it("gives the signature of a commit without its indentation", async () => {
  const folder = await makeRepository();
  const object = await git(folder, "cat-file", "commit", "HEAD");
  const signature = "-----BEGIN PGP SIGNATURE-----\n\nabcd\n-----END PGP SIGNATURE-----\n";
  const header = `gpgsig ${signature.trimEnd().replaceAll("\n", "\n ")}`;
  const signed = `${object.replace("\n\n", () => `\n${header}\n\n`)}\n`;
  const added = await execa("git", ["hash-object", "-t", "commit", "-w", "--stdin"], {
    cwd: folder,
    input: signed,
  });
  const locals = await localsOf(`
data "git-commit" "signed" {
  path       = "${folder}"
  commit_ish = "${added.stdout}"
}
locals {
  signature = data.git-commit.signed.pgp_signature
  message   = data.git-commit.signed.message
}
`);
  expect(locals).toEqual({ signature, message: "Second\n\nIts body.\n" });
});

it("reports what git has not", async () => {
  const empty = await mkdtemp(join(tmpdir(), "vmbuild-data-empty-"));
  onTestFinished(() => rm(empty, { recursive: true }));
  const folder = await makeRepository();
  const lines = await problemsOf(`
data "git-repository" "none" { path = "${empty}" }
data "git-commit" "absent" {
  path       = "${folder}"
  commit_ish = "--all"
}
data "git-tree" "missing" { path = "${empty}/missing" }
`);
  expect(lines.filter((_line, index) => index % 2 === 0)).toEqual([
    `a.pkr.hcl:2:1: The data source "git-repository.none" failed in ${empty}: not a git repository (or any of the parent directories): .git.`,
    `a.pkr.hcl:3:1: The data source "git-commit.absent" failed in ${folder}: Needed a single revision.`,
    expect.stringMatching(
      /^a\.pkr\.hcl:7:1: The data source "git-tree\.missing" could not run git: /,
    ),
  ]);
});

it("reports each data source that fails at its place", async () => {
  await using server = await startFileServer();
  expect(
    await problemsOf(`
data "http" "missing" { url = "${server.origin}/missing" }
data "http" "address" { url = "no address" }
data "http" "method" {
  url    = "${server.origin}/"
  method = "FETCH"
}
data "external-raw" "exit" { program = ["sh", "-c", "echo words >&2; exit 3"] }
data "external-raw" "none" { program = ["no-such-program"] }
data "external-raw" "empty" { program = [] }
data "external" "text" { program = ["echo", "text"] }
data "external" "number" { program = ["echo", "{\\"a\\": 1}"] }
`),
  ).toEqual([
    expect.stringMatching(
      /^a.pkr.hcl:2:1: The data source "http.missing" failed: 127.0.0.1:\d+ answered 404\.$/,
    ),
    expect.any(String),
    'a.pkr.hcl:3:1: The data source "http.address" has a "url" that is not a valid URL: "no address".',
    expect.any(String),
    'a.pkr.hcl:4:1: The data source "http.method" has the unknown method "FETCH"; there are HEAD, GET, POST, PUT, DELETE, OPTIONS, PATCH.',
    expect.any(String),
    'a.pkr.hcl:8:1: The data source "external-raw.exit" failed: sh ended with exit code 3: words',
    expect.any(String),
    'a.pkr.hcl:9:1: The data source "external-raw.none" could not run its program: no-such-program is not installed.',
    expect.any(String),
    'a.pkr.hcl:10:1: The data source "external-raw.empty" needs a program: "program" is an empty list.',
    expect.any(String),
    expect.stringMatching(/^a.pkr.hcl:11:1: The data source "external.text" printed no JSON: /),
    expect.any(String),
    'a.pkr.hcl:12:1: The data source "external.number" printed other JSON than an object whose values are all strings.',
    expect.any(String),
  ]);
});

it("reads no data source of a template that has other problems, and names circles", async () => {
  await using server = await startFileServer();
  const url = server.serve("/x", Buffer.from("x"));
  const other = await problemsOf(`data "http" "x" { url = "${url}" }\nlocals { a = var.none }\n`);
  expect(other[0]).toBe("a.pkr.hcl:2:14: var.none is not defined.");
  expect(server.requests).toEqual([]);
  const circle = await problemsOf(
    'data "null" "a" { input = data.null.b.output }\ndata "null" "b" { input = data.null.a.output }\n',
  );
  expect(circle).toEqual([
    'a.pkr.hcl:1:1: The data source "null.a" depends on itself, directly or by way of others.',
    expect.any(String),
    'a.pkr.hcl:2:1: The data source "null.b" depends on itself, directly or by way of others.',
    expect.any(String),
  ]);
});

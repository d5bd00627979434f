/** Creates a git repository with a template that builds an image in a second, without a machine. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { formatManifest } from "../../src/artifact/manifest.js";
import { exampleManifest } from "../unit/artifact/example.js";
import type { CliHome } from "./cli.js";

/**
 * Template whose base is the finished image of `base/`, which it publishes as it is under a name
 * with branch and commit.
 */
const NODE_TEMPLATE = {
  name: "node",
  variables: { release: { default: "latest" }, create_patches: { default: false } },
  base: { appliance: "../base/base.json" },
  machine: { disk: "16M", accelerator: "tcg" },
  steps: [],
  seal: false,
  output: {
    filename: "node-${git.branch}-${git.commit}${git.dirty}.qcow2",
    packages: false,
    packerManifest: {
      file: "manifest.json",
      artifactId: "/srv/builds/${image.name}",
      customData: { release: "${var.release}" },
    },
  },
};

/** Writes the template `base` with its finished image, a disk of 16 MiB. */
async function createBase(home: CliHome): Promise<void> {
  const folder = join(home.folder, "output/base");
  await home.write({
    "base/base.json": {
      name: "base",
      base: { path: "disk.qcow2" },
      machine: { disk: "16M" },
      output: { directory: folder },
    },
    "output/base/unused": "",
  });
  const path = join(folder, "base-0.0.0.qcow2");
  await execa("qemu-img", ["create", "-q", "-f", "qcow2", path, "16M"]);
  const content = await readFile(path);
  const sha256 = createHash("sha256").update(content).digest("hex");
  const file = { name: "base-0.0.0.qcow2", format: "qcow2", size: content.length };
  const files = [{ ...file, virtualSize: 2 ** 24, checksums: { sha256 } }];
  await home.write({
    "output/base/manifest.json": formatManifest({ ...exampleManifest(), name: "base", files }),
    "output/base/base-0.0.0.qcow2.sha256": `${sha256}  base-0.0.0.qcow2\n`,
    "base/disk.qcow2": "",
  });
}

/**
 * Creates the repository in the home's folder, with two commits on the branch `main`.
 * @returns a function that runs git in it and returns its output without the last line break.
 */
export async function createImageRepository(
  home: CliHome,
): Promise<(...args: string[]) => Promise<string>> {
  const git = async (...args: string[]): Promise<string> => {
    const { stdout } = await execa("git", args, { cwd: home.folder, env: home.env });
    return stdout;
  };
  await home.write({ [join(home.folder, "../.gitconfig")]: GIT_CONFIG });
  await createBase(home);
  await home.write({
    "node/node.json": NODE_TEMPLATE,
    "other.txt": "tracked\n",
    ".gitignore": "output/\nbase/\n",
  });
  await git("init", "--quiet");
  await git("add", ".");
  await git("commit", "--quiet", "--message", "First");
  await git("commit", "--quiet", "--allow-empty", "--message", "Second");
  return git;
}

const GIT_CONFIG = `[user]
  name = Test
  email = test@example.org
[init]
  defaultBranch = main
`;

import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createServer } from "node:net";
import {
  chmod,
  link,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  readlink,
  rm,
  symlink,
  truncate,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pack } from "tar-stream";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { EventBody } from "../../../src/events/types.js";
import type { Guest } from "../../../src/guest/guest.js";
import type { Ownership } from "../../../src/guest/upload.js";
import { listTree, unpackTree } from "../../../src/host/tree.js";
import { errorOf } from "../../support/inputs.js";
import { guestOf } from "../../support/guest-of.js";
import { startSshd } from "../../support/sshd.js";
import type { Sshd } from "../../support/sshd.js";

const events: EventBody[] = [];
let sshd: Sshd;
let guest: Guest;
/** Folders that represent the host and the guest. */
let host: string;
let there: string;

beforeAll(async () => {
  sshd = await startSshd();
  guest = await guestOf(sshd, { events });
});
afterAll(async () => {
  await sshd[Symbol.asyncDispose]();
});
beforeEach(async () => {
  events.length = 0;
  host = await mkdtemp(join(sshd.folder, "host-"));
  there = await mkdtemp(join(sshd.folder, "there-"));
});

const modeOf = async (path: string): Promise<string> =>
  ((await lstat(path)).mode & 0o7777).toString(8);

/** Names that are difficult for shells, option parsers and tar. */
const ODD_NAMES = [
  "two words",
  "it's",
  'quo"te',
  "$HOME",
  "-rf",
  "a\nb",
  "ünï",
  "*",
  "`id`",
  "a\\b",
];

describe("upload of a file", () => {
  it("keeps content and mode, and makes the folders on the way", async () => {
    const content = randomBytes(3_000_000);
    await writeFile(join(host, "file"), content, { mode: 0o750 });
    await guest.upload(join(host, "file"), join(there, "a/b/c"));
    expect((await readFile(join(there, "a/b/c"))).equals(content)).toBe(true);
    expect(await modeOf(join(there, "a/b/c"))).toBe("750");
    expect(events.at(-1)).toMatchObject({ type: "progress", done: 3_000_000, total: 3_000_000 });
  });

  it("goes into a folder where the destination ends in a slash", async () => {
    await writeFile(join(host, "file"), "x");
    await guest.upload(join(host, "file"), `${there}/into/`);
    expect(await readFile(join(there, "into/file"), "utf8")).toBe("x");
  });

  it.each(ODD_NAMES)("takes the name %j", async (name) => {
    await writeFile(join(host, name), name);
    await guest.upload(join(host, name), join(there, name));
    expect(await readFile(join(there, name), "utf8")).toBe(name);
    expect(await readdir(there)).toEqual([name]);
  });

  it("sets mode and owner as it is told", async () => {
    await guest.write("text", join(there, "file"), { mode: 0o604, owner: "0:0" }).catch(() => {});
    await writeFile(join(host, "empty"), "");
    await guest.upload(join(host, "empty"), join(there, "empty"), { mode: 0o600 });
    expect(await modeOf(join(there, "empty"))).toBe("600");
    expect(await readFile(join(there, "empty"), "utf8")).toBe("");
  });

  it("does not replace a folder by a file", async () => {
    await writeFile(join(host, "file"), "x");
    const error = await errorOf(guest.upload(join(host, "file"), there));
    expect(error.code).toBe("STEP_FAILED");
    expect(error.lines.join()).toContain("is a folder");
  });

  it("detects content that was corrupted during the upload", async () => {
    const tools = join(sshd.folder, "tools");
    await mkdir(tools, { recursive: true });
    await writeFile(join(tools, "sha256sum"), "#!/bin/sh\necho 0123  -\n", { mode: 0o755 });
    const path = `PATH=${tools}:/usr/bin:/bin`;
    await using lying = await startSshd({ configuration: [`SetEnv ${path}`] });
    await writeFile(join(host, "file"), "x");
    const error = await errorOf(
      (await guestOf(lying)).upload(join(host, "file"), join(there, "file")),
    );
    expect(error.message).toContain("was corrupted during the upload");
    expect(error.lines).toHaveLength(2);
  });
});

describe("a file onto an existing path", () => {
  const works = {
    write: (path: string, ownership: Ownership = {}) => guest.write("new", path, ownership),
    upload: async (path: string, ownership: Ownership = {}) => {
      await writeFile(join(host, "file"), "new", { mode: 0o644 });
      await guest.upload(join(host, "file"), path, ownership);
    },
  };

  describe.each(["write", "upload"] as const)("%s", (name) => {
    const put = (path: string, ownership?: Ownership) => works[name](path, ownership);

    it("follows a link, which stays one", async () => {
      await mkdir(join(there, "real"));
      await writeFile(join(there, "real/file\n"), "old");
      await symlink("real/file\n", join(there, "relative"));
      await symlink(join(there, "relative"), join(there, "absolute"));
      await put(join(there, "absolute"), { mode: 0o600 });
      expect(await readlink(join(there, "absolute"))).toBe(join(there, "relative"));
      expect(await readlink(join(there, "relative"))).toBe("real/file\n");
      expect(await readFile(join(there, "real/file\n"), "utf8")).toBe("new");
      expect(await modeOf(join(there, "real/file\n"))).toBe("600");
      expect(await readdir(join(there, "real"))).toEqual(["file\n"]);
    });

    it("makes the file that a link names", async () => {
      await symlink("later", join(there, "link"));
      await put(join(there, "link"));
      expect(await readlink(join(there, "link"))).toBe("later");
      expect(await readFile(join(there, "later"), "utf8")).toBe("new");
    });

    it("goes through a link to a folder", async () => {
      await mkdir(join(there, "usr/lib"), { recursive: true });
      await symlink("usr/lib", join(there, "lib"));
      await put(join(there, "lib/deep/file"));
      expect(await readlink(join(there, "lib"))).toBe("usr/lib");
      expect(await readFile(join(there, "usr/lib/deep/file"), "utf8")).toBe("new");
    });

    it.each([
      [
        "a link into nowhere",
        "is a dangling symbolic link",
        () => symlink("no/way", join(there, "it")),
      ],
      ["a link to itself", "is a dangling symbolic link", () => symlink("it", join(there, "it"))],
      [
        "a pipe",
        "not a regular file",
        async () => void execFileSync("mkfifo", [join(there, "it")]),
      ],
      ["a folder", "is a folder", () => mkdir(join(there, "it"))],
      ["a link to a folder", "is a folder", () => symlink("/tmp", join(there, "it"))],
    ])("refuses %s", async (_, words, make) => {
      await make();
      const before = await lstat(join(there, "it"));
      const error = await errorOf(put(join(there, "it")));
      expect(error.code).toBe("STEP_FAILED");
      expect(error.lines.join()).toContain(words);
      expect((await lstat(join(there, "it"))).ino).toBe(before.ino);
      expect(await readdir(there)).toEqual(["it"]);
    });

    it("takes a name of 255 bytes", async () => {
      await put(join(there, "n".repeat(255)));
      expect(await readdir(there)).toEqual(["n".repeat(255)]);
    });

    it.runIf(process.getuid?.() === 0)("gives owner and mode, also the bits of both", async () => {
      await put(join(there, "tool"), { mode: 0o4755, owner: "33:33" });
      const { uid, gid } = await lstat(join(there, "tool"));
      expect([uid, gid, await modeOf(join(there, "tool"))]).toEqual([33, 33, "4755"]);
    });
  });
});

describe("a login's umask", () => {
  it.each(["077", "000"])("of %s changes nothing", async (mask) => {
    const home = await mkdtemp(join(sshd.folder, "home-"));
    await writeFile(join(home, ".bashrc"), `umask ${mask}\n`);
    await using other = await startSshd({ configuration: [`SetEnv HOME=${home}`] });
    const masked = await guestOf(other);
    await mkdir(join(host, "tree/inside"), { recursive: true });
    await chmod(join(host, "tree/inside"), 0o775);
    await writeFile(join(host, "tree/file"), "x");
    await chmod(join(host, "tree/file"), 0o664);
    await masked.write("x", join(there, "written/file"), {});
    await masked.upload(join(host, "tree/file"), join(there, "uploaded/file"));
    await masked.upload(join(host, "tree"), join(there, "new/tree"));
    await masked.run({ content: `mkdir ${there}/run`, interpreter: ["/bin/sh"] });
    await masked.ask(`mkdir ${there}/asked`, "asking");
    const { client } = await other.connect();
    await new Promise<void>((done, failed) => {
      client.exec(`mkdir ${there}/plain`, (error, channel) => {
        if (error) return failed(error);
        channel.resume().on("close", () => done());
        channel.stderr.resume();
      });
    });
    const modes = Object.fromEntries(
      await Promise.all(
        (await readdir(there, { recursive: true })).map(async (name) => [
          name,
          await modeOf(join(there, name)),
        ]),
      ),
    ) as Record<string, string>;
    expect(modes).toEqual({
      // Result of the login's own umask.
      plain: mask === "077" ? "700" : "777",
      written: "755",
      "written/file": "644",
      uploaded: "755",
      "uploaded/file": "664",
      new: "755",
      "new/tree": "755",
      "new/tree/file": "664",
      "new/tree/inside": "775",
      run: "755",
      asked: "755",
    });
  });
});

describe("upload of a folder", () => {
  it("keeps modes, dot files, links, empty folders and odd names", async () => {
    await mkdir(join(host, "empty/deep"), { recursive: true });
    await mkdir(join(host, "closed"));
    await writeFile(join(host, "closed/inside"), "x");
    await chmod(join(host, "closed"), 0o500);
    await writeFile(join(host, ".dot"), "dot", { mode: 0o600 });
    await writeFile(join(host, "run"), "#!/bin/sh\n");
    await chmod(join(host, "run"), 0o4755);
    await symlink("../elsewhere", join(host, "dangling"));
    for (const name of ODD_NAMES) await writeFile(join(host, name), name);
    const long = "n".repeat(200);
    await writeFile(join(host, long), "long");
    await guest.upload(host, `${there}/to`);
    const to = join(there, "to");
    expect((await readdir(to)).toSorted()).toEqual((await readdir(host)).toSorted());
    for (const name of ["empty/deep", "closed", "closed/inside", ".dot", "run", long]) {
      expect([name, await modeOf(join(to, name))]).toEqual([name, await modeOf(join(host, name))]);
    }
    expect(await readlink(join(to, "dangling"))).toBe("../elsewhere");
    for (const name of ODD_NAMES) expect(await readFile(join(to, name), "utf8")).toBe(name);
  });

  it("adds to what is there", async () => {
    await writeFile(join(there, "old"), "old");
    await writeFile(join(host, "new"), "new");
    await guest.upload(host, there);
    expect((await readdir(there)).toSorted()).toEqual(["new", "old"]);
  });

  it("names the file that cannot be uploaded", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(host, "socket"), resolve));
    const error = await errorOf(guest.upload(host, there));
    server.close();
    expect(error.message).toContain(
      `${join(host, "socket")} is not a file, folder or symbolic link`,
    );
  });

  it("reports a file that shrinks meanwhile, not the connection", async () => {
    await writeFile(join(host, "first"), randomBytes(20_000_000));
    await writeFile(join(host, "second"), randomBytes(1_000_000));
    const uploading = guest.upload(host, there);
    let shrunk: Promise<void> | undefined;
    const timer = setInterval(() => {
      if (events.length > 0) shrunk ??= truncate(join(host, "second"), 10);
    }, 1);
    const error: unknown = await uploading.catch((thrown: unknown) => thrown);
    clearInterval(timer);
    await shrunk;
    expect(error).toBeInstanceOf(Error);
    expect(error).not.toMatchObject({ code: "GUEST_LOST" });
  });
});

describe("download", () => {
  it.each(ODD_NAMES)("takes a file of the name %j", async (name) => {
    await writeFile(join(there, name), name);
    await guest.download(join(there, name), join(host, "a", name));
    expect(await readFile(join(host, "a", name), "utf8")).toBe(name);
    expect(await readdir(join(host, "a"))).toEqual([name]);
  });

  it("says what does not exist", async () => {
    const error = await errorOf(guest.download(join(there, "nothing"), join(host, "x")));
    expect(error.message).toContain("The guest has no file or folder");
    expect(await readdir(host)).toEqual([]);
  });

  it("keeps what a folder holds: modes, dot files, links of both kinds", async () => {
    await mkdir(join(there, "closed"));
    await writeFile(join(there, "closed/inside"), "x", { mode: 0o666 });
    await chmod(join(there, "closed/inside"), 0o666);
    await chmod(join(there, "closed"), 0o700);
    await writeFile(join(there, ".dot"), "dot", { mode: 0o600 });
    await link(join(there, ".dot"), join(there, "twin"));
    await symlink("/etc/passwd", join(there, "outside"));
    for (const name of ODD_NAMES) await writeFile(join(there, name), name);
    await mkdir(join(host, "to"));
    await writeFile(join(host, "to/old"), "replaced");
    await guest.download(there, join(host, "to"));
    const to = join(host, "to");
    expect((await readdir(to)).toSorted()).toEqual((await readdir(there)).toSorted());
    expect(await modeOf(join(to, "closed/inside"))).toBe("666");
    expect(await modeOf(join(to, "closed"))).toBe("700");
    expect(await modeOf(join(to, ".dot"))).toBe("600");
    expect(await readFile(join(to, "twin"), "utf8")).toBe("dot");
    expect(await readlink(join(to, "outside"))).toBe("/etc/passwd");
  });

  it("says that this host's disk is full, and leaves no part", async (context) => {
    const small = join(sshd.folder, "small");
    await mkdir(small, { recursive: true });
    const mount = ["-t", "tmpfs", "-o", "size=1M", "tmpfs", small];
    try {
      execFileSync("mount", mount, { stdio: "pipe" });
    } catch {
      context.skip("a file system cannot be mounted here");
    }
    try {
      await writeFile(join(there, "big"), randomBytes(5_000_000));
      for (const from of [join(there, "big"), there]) {
        const error = await errorOf(guest.download(from, join(small, "x")));
        expect(error).toMatchObject({ code: "HOST_SPACE" });
      }
      expect(await readdir(small)).toEqual([]);
    } finally {
      execFileSync("umount", [small]);
    }
    expect(await guest.ask("echo fine", "asking")).toEqual(["fine"]);
  });
});

describe("unpackTree", () => {
  interface Entry {
    name: string;
    type?: "file" | "symlink" | "link" | "directory";
    linkname?: string;
  }

  function archiveOf(...entries: Entry[]): Readable {
    const archive = pack();
    for (const entry of entries) {
      archive.entry(entry, entry.type === undefined || entry.type === "file" ? "evil" : "");
    }
    archive.finalize();
    return Readable.from(archive);
  }

  it.each([
    ["a path upwards", [{ name: "../evil" }]],
    ["a path upwards from below", [{ name: "a/../../evil" }]],
    ["a hard link to outside", [{ name: "x", type: "link", linkname: "../secret" }]],
  ] as const)("refuses %s", async (_, entries) => {
    const root = join(host, "root");
    await mkdir(root);
    await writeFile(join(host, "secret"), "secret");
    const error = await errorOf(unpackTree(archiveOf(...(entries as unknown as Entry[])), root));
    expect(error.message).toContain("outside the folder");
    expect((await readdir(host)).toSorted()).toEqual(["root", "secret"]);
    expect(await readdir(root)).toEqual([]);
  });

  it("treats an absolute path as relative, or refuses it", async () => {
    const root = join(host, "root");
    await mkdir(root);
    const outside = join(host, "evil");
    await unpackTree(archiveOf({ name: outside }), root).catch(() => {});
    expect((await readdir(host)).toSorted()).toEqual(["root"]);
  });

  it("writes nothing through a link from the archive", async () => {
    const root = join(host, "root");
    await mkdir(root);
    await mkdir(join(host, "target"));
    const entries: Entry[] = [
      { name: "way", type: "symlink", linkname: "../target" },
      { name: "way/evil" },
    ];
    await unpackTree(archiveOf(...entries), root).catch(() => {});
    expect(await readdir(join(host, "target"))).toEqual([]);
  });

  it("lists a folder in a fixed order, parents first", async () => {
    await mkdir(join(host, "b"));
    await writeFile(join(host, "b/x"), "1");
    await writeFile(join(host, "a"), "22");
    expect((await listTree(host)).map(({ name, size }) => [name, size])).toEqual([
      ["a", 2],
      ["b", 0],
      ["b/x", 1],
    ]);
    await rm(join(host, "b"), { recursive: true });
  });
});

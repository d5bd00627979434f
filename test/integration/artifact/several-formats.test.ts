/** Several images of one disk, and images that do not fit. */
import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { mkdir, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { compact, compactAll } from "../../../src/artifact/compact.js";
import { VmbuildError } from "../../../src/errors.js";
import type { EventBody } from "../../../src/events/types.js";
import { useFormatTest } from "../../support/formats.js";

const test = useFormatTest();

describe("several images of one disk", () => {
  it("are all written, and nothing else is left", async () => {
    const seen = new Set<string>();
    const emit = (): void => {
      for (const name of readdirSync(test.folder)) seen.add(name);
    };
    const images = (["qcow2", "vmdk", "ova"] as const).map((format) =>
      test.options({ format, filename: `image.${format}`, emit }),
    );
    const sizes = (await compactAll(images)).map(({ size }) => size);
    const names = images.map(({ filename }) => `.${filename}.0123abcd.part`);
    expect((await readdir(test.folder)).toSorted()).toEqual(names.toSorted());
    // A later run removes what a killed one leaves, by these names.
    expect(seen.size).toBeGreaterThan(names.length);
    for (const name of seen) {
      expect(name).toMatch(/^\.image\.(qcow2|vmdk|ova)\.[0-9a-f]{8}\.part$/);
    }
    const files = await Promise.all(images.map(({ destination }) => stat(destination)));
    expect(sizes).toEqual(files.map(({ size }) => size));
  });

  it.each(["compact", "digest", "archive", "pack"])(
    "leave nothing when the task %s is cancelled",
    async (task) => {
      const controller = new AbortController();
      const reason = new VmbuildError("INTERRUPTED", "Ctrl-C");
      const emit = (event: EventBody): void => {
        if (event.type === "progress" && event.task === task) controller.abort(reason);
      };
      const { signal } = controller;
      const images = [
        test.options({ format: "qcow2", filename: "first", emit, signal }),
        test.options({ format: "ova", filename: "second", emit, signal }),
        test.options({ format: "raw", pack: "xz", filename: "third", emit, signal }),
      ];
      await expect(compactAll(images)).rejects.toBe(reason);
      expect(await readdir(test.folder)).toEqual([]);
    },
  );
});

describe("images on a disk that is too small", () => {
  let small: string;
  let mounted = false;

  afterEach(() => {
    if (mounted) execFileSync("umount", [small]);
    mounted = false;
  });

  async function mount(mebibytes: number): Promise<boolean> {
    small = join(test.folder, "small");
    await mkdir(small);
    const args = ["-t", "tmpfs", "-o", `size=${mebibytes}M`, "none", small];
    mounted = spawnSync("mount", args).status === 0;
    return mounted;
  }

  it("are refused together, although each would fit alone", async ({ skip }) => {
    skip(!(await mount(4)), "mounting a small tmpfs takes root");
    const at = (name: string): string => join(small, name);
    const raw = test.options({ format: "raw", destination: at(".a.0123abcd.part") });
    const other = test.options({ format: "vdi", destination: at(".b.0123abcd.part") });
    const events: EventBody[] = [];
    const emit = (event: EventBody): unknown => events.push(event);
    await expect(
      compactAll([
        { ...raw, emit },
        { ...other, emit },
      ]),
    ).rejects.toMatchObject({
      code: "ARTIFACT_SPACE",
      message: expect.stringMatching(
        /^The 2 images need at least .* only 4 MiB are free$/,
      ) as string,
    });
    expect(events).toEqual([]);
    expect(await readdir(small)).toEqual([]);
  });

  // The disk is written, and its archive or compressed copy is not, or not even the disk.
  it.each([
    ["an archive", 6, { format: "vagrant-libvirt" }],
    ["a packed image", 6, { format: "raw", pack: "gz" }],
    ["an OVA", 1, { format: "ova" }],
    ["a vmdk", 4, { format: "vmdk" }],
  ] as const)("are removed when the disk is full: %s", async (_, mebibytes, image) => {
    if (!(await mount(mebibytes))) return; // Mounting a small tmpfs takes root.
    const destination = join(small, ".image.0123abcd.part");
    await expect(compact(test.options({ ...image, destination }))).rejects.toMatchObject({
      code: "ARTIFACT_SPACE",
    });
    expect(await readdir(small)).toEqual([]);
  });
});

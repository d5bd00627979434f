import { describe, expect, it } from "vitest";
import { load, loadError, templateText } from "./support.js";

const withActions = (...actions: object[]): string =>
  templateText({
    variables: { place: { default: "x" } },
    steps: [{ name: "one", actions }],
  });

const download = (more: object): object => ({ download: "/etc/apt", ...more });

describe("the place of a download", () => {
  it.each(["/home/me/precious", "..", "../..", ".", "./", "a/../../b", "a/.."])(
    "is refused outside the output folder, or as that folder: %j",
    async (to) => {
      const { code, lines } = await loadError(withActions(download({ to })));
      expect(code).toBe("TEMPLATE_INVALID");
      expect(lines).toHaveLength(1);
      expect(lines[0]).toContain("steps[0].actions[0].to");
      expect(lines[0]).toMatch(/output folder/);
    },
  );

  it.each(["/tmp/x", "../x", ".."])("is refused with a variable filled in: %j", async (place) => {
    const text = withActions(download({ to: "${var.place}" }));
    await load(text);
    const { code, lines } = await loadError(text, { variables: { place } });
    expect(code).toBe("TEMPLATE_INVALID");
    expect(lines[0]).toContain("output folder");
  });

  it.each(["x", "x/y", "x/", "./x"])("is accepted inside it: %j", async (to) => {
    const template = await load(withActions(download({ to })));
    expect(template.steps[0]?.actions[0]?.value).toMatchObject({ to });
  });

  it.each([
    [{}, "steps[0].actions[0]", '"to" (a path below the output folder) or "hostPath"'],
    [{ to: "x", hostPath: "y" }, "steps[0].actions[0].hostPath", "not both"],
    [{ to: "x", overwrite: true }, "steps[0].actions[0].overwrite", 'valid with "hostPath" only'],
  ])("%j is refused", async (more, place, words) => {
    const { code, lines } = await loadError(withActions(download(more)));
    expect(code).toBe("TEMPLATE_INVALID");
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(place);
    expect(lines[0]).toContain(words);
  });

  it.each(["/home/me/keys/", "../x", ".", "~me"])("on the host may be any: %j", async (path) => {
    const template = await load(withActions(download({ hostPath: path, overwrite: true })));
    expect(template.steps[0]?.actions[0]?.value).toMatchObject({ hostPath: path });
  });
});

describe("two downloads", () => {
  it.each([
    ["x", "x"],
    ["x", "./x/"],
    ["x/y", "x"],
    ["a/../x", "x/y/z"],
  ])("onto each other are refused: %j and %j", async (first, second) => {
    const text = templateText({
      steps: [
        { name: "one", actions: [{ run: "true" }, download({ to: first })] },
        { name: "two", actions: [{ download: "/etc/motd", to: second }] },
      ],
    });
    const { code, lines } = await loadError(text);
    expect(code).toBe("TEMPLATE_INVALID");
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain("steps[1].actions[0].to");
    expect(lines[0]).toContain("steps[0].actions[1]");
  });

  it("into one folder are accepted", async () => {
    const actions = ["/a/one", "/a/two"].map((path) => ({ download: path, to: "logs/" }));
    expect((await load(withActions(...actions))).steps[0]?.actions).toHaveLength(2);
  });
});

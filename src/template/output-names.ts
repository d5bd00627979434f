/** Finds names in a template that would give two files of its artifact the same name. */
import { companionProblem, filenameProblem, imageFilename, sameName } from "../artifact/names.js";
import type { NamedImage, ReservedNames } from "../artifact/names.js";
import type { Step } from "../steps/schema.js";
import { publishedDisks } from "./devices-schema.js";
import { formatPath } from "./document.js";
import type { JsonPath } from "./document.js";

/** Template with the names of its images and of the files that its steps create. */
type NamedTemplate = Omit<NamedImage, "output"> & {
  readonly output: NamedImage["output"] &
    ReservedNames & { readonly formats: readonly NamedImage["output"][] };
  readonly steps: readonly Step[];
  readonly machine: Parameters<typeof publishedDisks>[0]["machine"];
};

interface Problem {
  readonly path: JsonPath;
  readonly message: string;
}

/** Returns the image names, each with the place of its settings and of what determines the name. */
function imageNames(template: NamedTemplate) {
  const { name, version, output } = template;
  const images: [JsonPath, NamedImage["output"]][] = [
    [["output"], output],
    ...output.formats.map((image, index): [JsonPath, NamedImage["output"]] => [
      ["output", "formats", index],
      image,
    ]),
    ...publishedDisks(template).map(
      ({ index, output: image }): [JsonPath, NamedImage["output"]] => [
        ["machine", "disks", index, "publish"],
        image,
      ],
    ),
  ];
  return images.map(([place, image]) => ({
    place,
    filename: imageFilename({ name, version, output: image }),
    source: image.filename === undefined ? undefined : ([...place, "filename"] as JsonPath),
  }));
}

/** Returns each image name that is invalid or used twice. */
function imageNameProblems(template: NamedTemplate): Problem[] {
  const images = imageNames(template);
  return images.flatMap(({ place, filename, source }, index): Problem[] => {
    const message = filenameProblem(filename);
    if (message !== undefined) return [{ path: source ?? ["version"], message }];
    const other = images.slice(0, index).find((one) => sameName(one.filename, filename));
    if (!other) return [];
    const taken = `the image would have the name "${filename}" of ${formatPath(other.place)}`;
    return [{ path: source ?? place, message: `${taken}; give it another filename` }];
  });
}

/** Returns each invalid name with its place. */
export function outputNameProblems(template: NamedTemplate): Problem[] {
  const problems = imageNameProblems(template);
  const filenames = imageNames(template).map(({ filename }) => filename);
  for (const [step, { actions }] of template.steps.entries()) {
    for (const [index, { type, value }] of actions.entries()) {
      for (const { to } of type.outputs(value as never)) {
        const wrong = companionProblem(to, filenames, template.output);
        if (wrong === undefined) continue;
        problems.push({ path: ["steps", step, "actions", index, "to"], message: wrong });
      }
    }
  }
  return problems;
}

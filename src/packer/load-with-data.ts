/** Reads Packer templates with the values of their data sources. */
import { DataSourceError } from "./data/data-source.js";
import type { DataHost } from "./data/data-source.js";
import { dataSourceKind } from "./data/registry.js";
import { readPackerTemplate } from "./load.js";
import type {
  PackerDataSource,
  PackerDataValue,
  PackerLoadOptions,
  PackerProblem,
  PackerReading,
  PackerTemplate,
} from "./model.js";
import { problemsError } from "./problems.js";

/** Reads one data source. A failure is its result. */
async function readDataSource(
  { labels, arguments: given }: PackerDataSource,
  host: DataHost,
): Promise<PackerDataValue> {
  const kind = dataSourceKind(labels[0]);
  if (!kind || !given) return { problem: "cannot be read." };
  try {
    return { value: await kind.read(given, host) };
  } catch (error) {
    if (!(error instanceof DataSourceError)) throw error;
    return { problem: error.message };
  }
}

/** Problems of data sources whose arguments depend on each other. */
function circles({ dataSources }: PackerTemplate, known: ReadonlySet<string>): PackerProblem[] {
  return dataSources
    .filter(({ name }) => !known.has(name))
    .map(({ name, place }) => ({
      message: `The data source "${name}" depends on itself, directly or by way of others.`,
      place,
    }));
}

/**
 * Reads a template and its data sources: again after each round of data sources, since the arguments
 * of some depend on the values of others. Nothing is requested and no program is run for a template
 * that has problems. Throws TEMPLATE_NOT_FOUND if there is no template at the path.
 */
async function readWithData(path: string, options: PackerLoadOptions): Promise<PackerReading> {
  const fixed = { ...options, now: options.now ?? new Date() };
  const data = new Map(options.data);
  for (;;) {
    const reading = readPackerTemplate(path, { ...fixed, data });
    const { template, problems } = reading;
    if (!template || problems.length > 0) return reading;
    const unread = template.dataSources.filter(({ name }) => !data.has(name));
    const ready = unread.filter((source) => source.arguments !== undefined);
    if (ready.length === 0) {
      return { ...reading, problems: circles(template, new Set(data.keys())) };
    }
    const host = { cwd: template.cwd, environment: options.environment ?? process.env };
    for (const source of ready) data.set(source.name, await readDataSource(source, host));
  }
}

/**
 * Reads a template with its data sources. Throws TEMPLATE_NOT_FOUND if there is none at the path, and
 * TEMPLATE_INVALID with all its problems.
 */
export async function loadPackerTemplateWithData(
  path: string,
  options: PackerLoadOptions = {},
): Promise<{ template: PackerTemplate; warnings: readonly PackerProblem[] }> {
  const { template, problems, warnings } = await readWithData(path, options);
  if (!template || problems.length > 0) throw problemsError(path, problems);
  return { template, warnings };
}

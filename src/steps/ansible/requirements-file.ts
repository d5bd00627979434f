/** Reads which roles and collections a requirements file of ansible-galaxy asks for. */
import { parseDocument } from "yaml";
import { z } from "zod";

/** Role or collection of a requirements file. */
export interface Requirement {
  /** Name and version as far as the file gives them: `geerlingguy.nginx 3.2.0`. */
  readonly label: string;
  /** True where the content comes from a path of this host, so that it may change at any time. */
  readonly isLocal: boolean;
}

const fields = z.object({
  name: z.string().optional(),
  src: z.string().optional(),
  role: z.string().optional(),
  source: z.string().optional(),
  type: z.string().optional(),
  version: z.union([z.string(), z.number()]).optional(),
});

/** Matches a path: `/srv/role.tar.gz`, `./role`, `~/role`, `file:///srv/role`, `git+file:///srv/role`. */
const PATH = /^([/~]|\.{1,2}\/|(git\+)?file:)/;

function requirementOf(item: unknown): Requirement | undefined {
  if (typeof item === "string") {
    // An item may be "source,version,name".
    const [source = "", version = ""] = item.split(",");
    return { label: `${source} ${version}`.trim(), isLocal: PATH.test(source) };
  }
  const { data } = fields.safeParse(item);
  const name = data?.name ?? data?.role ?? data?.src ?? data?.source;
  if (!data || name === undefined) return undefined;
  const sources = [data.src, data.source, data.name].filter((text) => text !== undefined);
  const isLocal =
    ["dir", "file", "subdirs"].includes(data.type ?? "") || sources.some((text) => PATH.test(text));
  const version = data.version === undefined ? "" : ` ${data.version}`;
  return { label: `${name}${version}`, isLocal };
}

const fileSchema = z.union([
  z.array(z.unknown()),
  z
    .object({
      roles: z.array(z.unknown()).nullish(),
      collections: z.array(z.unknown()).nullish(),
    })
    .transform(({ roles, collections }) => [...(roles ?? []), ...(collections ?? [])]),
]);

/**
 * Returns the roles and collections of a requirements file, in both forms that ansible-galaxy reads:
 * a list of roles, or an object with `roles` and `collections`. Undefined where the text is neither;
 * ansible-galaxy then says what is wrong.
 */
export function parseRequirements(text: string): Requirement[] | undefined {
  const document = parseDocument(text);
  if (document.errors.length > 0) return undefined;
  const { data } = fileSchema.safeParse(document.toJS());
  return data?.flatMap((item) => requirementOf(item) ?? []);
}

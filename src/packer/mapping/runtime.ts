/** Fills in values of Go template code that Packer has only while it builds. */

/** Values by their names: `Name` for `{{ .Name }}` and for ``{{ build `Name` }}``. */
export type RuntimeValues = Readonly<Record<string, string>>;

const CODE = /\{\{-?\s*(?:\.(\w+)|build\s+[`"](\w+)[`"])\s*-?\}\}/g;

/** Address of Packer's HTTP server, as templates write it. */
const HTTP_ADDRESS =
  /(?:https?:\/\/)?(?:\{\{-?\s*\.HTTPIP\s*-?\}\}:\{\{-?\s*\.HTTPPort\s*-?\}\}|\{\{-?\s*build\s+[`"]PackerHTTPAddr[`"]\s*-?\}\})/g;

/** Literal text in Go template code, with which a template escapes braces. */
const LITERAL = /\{\{-?\s*(?:`([^`]*)`|"((?:[^"\\]|\\.)*)")\s*-?\}\}/g;

/** Replaces the code that has a value, and the address of the HTTP server by `${http.url}`. */
export function renderKnown(text: string, values: RuntimeValues): string {
  return text
    .replace(HTTP_ADDRESS, () => "${http.url}")
    .replace(CODE, (whole, field: string | undefined, build: string | undefined) => {
      const name = field ?? build ?? "";
      return Object.hasOwn(values, name) ? (values[name] ?? "") : whole;
    })
    .replace(LITERAL, (_whole, raw: string | undefined, quoted: string | undefined) =>
      raw === undefined ? String(quoted).replaceAll(/\\(.)/g, "$1") : raw,
    );
}

/** Returns the first piece of Go template code that is left in a text; undefined if there is none. */
export function leftoverCode(text: string): string | undefined {
  return /\{\{-?\s*(?:\.\w+|build\s|user\s|env\s)[^}]*\}\}/.exec(text)?.[0];
}

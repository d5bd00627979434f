/** Fills in values of Go template code that Packer has only while it builds. */

/** Values by their names: `Name` for `{{ .Name }}` and for ``{{ build `Name` }}``. */
export type RuntimeValues = Readonly<Record<string, string>>;

const CODE = /\{\{-?\s*(?:\.(\w+)|build\s+[`"](\w+)[`"])\s*-?\}\}/g;

/** Pauses between keys, which may stand in an address that is typed: `<wait>`, `<wait5s>`. */
const WAITS = String.raw`((?:<wait[\w.]*>)*)`;

/** Address of Packer's HTTP server, as templates write it. */
const HTTP_ADDRESS = new RegExp(
  String.raw`(https?://)?${WAITS}(?:\{\{-?\s*\.HTTPIP\s*-?\}\}${WAITS}:${WAITS}\{\{-?\s*\.HTTPPort\s*-?\}\}|\{\{-?\s*build\s+[\x60"]PackerHTTPAddr[\x60"]\s*-?\}\})`,
  "g",
);

/** Returns the reference to the server, and before it the pauses that its address contains. */
function serverReference(_whole: string, scheme: string | undefined, ...waits: unknown[]): string {
  const pauses = waits.slice(0, 3).map((one) => (typeof one === "string" ? one : ""));
  return `${pauses.join("")}${scheme === undefined ? "${http.address}" : "${http.url}"}`;
}

/** Literal text in Go template code, with which a template escapes braces. */
const LITERAL = /\{\{-?\s*(?:`([^`]*)`|"((?:[^"\\]|\\.)*)")\s*-?\}\}/g;

/** Replaces the code that has a value, and the address of the HTTP server. */
export function renderKnown(text: string, values: RuntimeValues): string {
  return text
    .replace(HTTP_ADDRESS, serverReference)
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

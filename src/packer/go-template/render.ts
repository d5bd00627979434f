/** Renders Go template code: what is known while a template is read, and the rest while it runs. */
import { renderNodes } from "./evaluate.js";
import { goFunctions } from "./functions.js";
import type { GoTemplateData } from "./functions.js";
import { parseGoTemplate } from "./parse.js";
import { GoTemplateError } from "./syntax.js";
import type { GoNode, Operand, Pipeline } from "./syntax.js";

/** Most rounds of rendering: a value can contain template code itself. */
const MAX_ROUNDS = 100;

/**
 * Renders all Go template code of a text, such as `{{ .HTTPIP }}` and ``{{ build `ID` }}``. Code in
 * the result is rendered again, as Packer does. Throws a GoTemplateError for what the data lacks.
 */
export function renderRuntime(text: string, data: GoTemplateData): string {
  const context = { dot: data.fields ?? {}, functions: goFunctions(data) };
  return repeatedly(text, (current) => renderNodes(parseGoTemplate(current), context));
}

/**
 * Renders what the data allows: actions with other fields, such as `{{ .HTTPIP }}`, with values of
 * `build` that are not given, or with other functions, stay as they are. Throws a GoTemplateError.
 */
export function renderKnown(text: string, data: GoTemplateData): string {
  const { fields = {}, build = {} } = data;
  const functions = goFunctions(data);
  const isKnown = ({ kind, name, argument }: GoUse): boolean => {
    if (kind === "field") return Object.hasOwn(fields, name.split(".")[0] ?? "");
    if (name === "build") return argument !== undefined && Object.hasOwn(build, argument);
    return functions.has(name);
  };
  return repeatedly(text, (current) =>
    parseGoTemplate(current)
      .map((node) => {
        if (node.kind === "text") return node.text;
        if (!usesOf([node]).every(isKnown)) return node.source;
        return renderNodes([node], { dot: fields, functions });
      })
      .join(""),
  );
}

function repeatedly(text: string, render: (text: string) => string): string {
  let current = text;
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    if (!current.includes("{{")) return current;
    const next = renderRound(current, render, round);
    if (next === current) return next;
    current = next;
  }
  throw new GoTemplateError("The Go template gives itself again and again.");
}

/** After the first round, what cannot be rendered is text that a literal such as {{ `{{` }} gave. */
function renderRound(text: string, render: (text: string) => string, round: number): string {
  try {
    return render(text);
  } catch (error) {
    if (round === 0 || !(error instanceof GoTemplateError)) throw error;
    return text;
  }
}

/** Use of a field or a function in a template. */
export interface GoUse {
  readonly kind: "field" | "function";
  /** Name of the field with its parts, such as `Vars`, or of the function. */
  readonly name: string;
  /** First argument of the function, if it is a text: the name in ``{{ build `ID` }}``. */
  readonly argument: string | undefined;
}

/** Returns the fields and functions that a text uses. Throws a GoTemplateError. */
export function goUses(text: string): GoUse[] {
  return text.includes("{{") ? usesOf(parseGoTemplate(text)) : [];
}

function usesOf(nodes: readonly GoNode[]): GoUse[] {
  return nodes.flatMap((node) => {
    if (node.kind === "text") return [];
    const own = pipelineUses(node.pipeline);
    return node.kind === "action" ? own : [...own, ...usesOf(node.body), ...usesOf(node.otherwise)];
  });
}

function pipelineUses({ commands }: Pipeline): GoUse[] {
  return commands.flatMap((command) =>
    command.flatMap((operand, index) => operandUses(operand, command[index + 1])),
  );
}

function operandUses(operand: Operand, next: Operand | undefined): GoUse[] {
  switch (operand.kind) {
    case "literal":
      return [];
    case "field":
      return [{ kind: "field", name: operand.names.join("."), argument: undefined }];
    case "variable":
      // "$" is the data itself; other variables are set from what is counted already.
      return operand.name === ""
        ? [{ kind: "field", name: operand.names.join("."), argument: undefined }]
        : [];
    case "function": {
      const value = next?.kind === "literal" ? next.value : undefined;
      const argument = typeof value === "string" ? value : undefined;
      return [{ kind: "function", name: operand.name, argument }];
    }
    case "pipeline":
      return pipelineUses(operand.pipeline);
  }
}

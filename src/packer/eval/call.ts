/** Calls functions: arguments are evaluated and converted; `try`, `can` and others see expressions. */
import type { Expression, Span } from "../hcl/syntax.js";
import { parseTemplateText } from "../hcl/parse.js";
import { SourceFile } from "../hcl/source.js";
import { FunctionError } from "../functions/function.js";
import type { FunctionType, Parameter } from "../functions/function.js";
import { templatePath } from "../functions/paths.js";
import type { Value } from "../model.js";
import { messageOf } from "../../errors.js";
import { PackerFault } from "../problems.js";
import { ConversionError, convert } from "./convert.js";
import { closest } from "./scope.js";
import type { Scope } from "./scope.js";
import { parseType } from "./types.js";
import { isList, isMap } from "./values.js";

/** Evaluates an expression; given by the caller, because calls and expressions contain each other. */
type Evaluate = (expression: Expression, scope: Scope) => Value;

type Call = Extract<Expression, { kind: "call" }>;

interface Special {
  readonly name: string;
  readonly call: (call: Call, scope: Scope, evaluate: Evaluate) => Value;
}

/** Functions whose arguments are not evaluated before the call. */
const SPECIAL: readonly Special[] = [
  { name: "try", call: callTry },
  { name: "can", call: callCan },
  { name: "convert", call: callConvert },
  { name: "templatefile", call: callTemplateFile },
];

/** Names of the functions that this file defines. */
export const SPECIAL_FUNCTIONS: readonly string[] = SPECIAL.map(({ name }) => name);

/** Calls a function of an expression. Throws a PackerFault. */
export function callFunction(call: Call, scope: Scope, evaluate: Evaluate): Value {
  const special = SPECIAL.find(({ name }) => name === call.name);
  if (special) return special.call(call, scope, evaluate);
  const { functions } = scope.context;
  const found = Object.hasOwn(functions, call.name) ? functions[call.name] : undefined;
  if (!found) {
    const similar = closest(call.name, [...Object.keys(functions), ...SPECIAL_FUNCTIONS]);
    const hint = similar === undefined ? "" : ` Did you mean ${similar}(…)?`;
    throw new PackerFault(`Packer has no function "${call.name}".${hint}`, call.span);
  }
  const values = evaluateArguments(call, scope, evaluate);
  return invoke({ call, type: found, values, scope });
}

/** Evaluates arguments; the last one gives several where `...` follows it. */
function evaluateArguments(
  call: Call,
  scope: Scope,
  evaluate: Evaluate,
): { value: Value; span: Span }[] {
  return call.arguments.flatMap((argument, index) => {
    const value = evaluate(argument, scope);
    const { span } = argument;
    if (!call.expand || index < call.arguments.length - 1) return [{ value, span }];
    if (!isList(value)) throw new PackerFault('Only a list can be followed by "...".', span);
    return value.map((one) => ({ value: one, span }));
  });
}

interface Invocation {
  readonly call: Call;
  readonly type: FunctionType;
  readonly values: readonly { readonly value: Value; readonly span: Span }[];
  readonly scope: Scope;
}

function invoke({ call, type, values, scope }: Invocation): Value {
  const { parameters, rest, optional = 0 } = type;
  const { length } = values;
  if (length < parameters.length - optional || (!rest && length > parameters.length)) {
    throw new PackerFault(`${signature(call.name, type)}, not ${length}.`, call.span);
  }
  const converted = values.map(({ value, span }, index) => {
    const parameter = parameters[index] ?? rest;
    return parameter ? convertArgument(call.name, parameter, { value, span }) : value;
  });
  if (!type.opaque && converted.some(isRuntime)) {
    scope.context.warn(
      `A value that is known only while the build runs is given to ${call.name}(…), which is called before that. The result may differ from Packer's.`,
      call.span,
    );
  }
  try {
    return type.call(converted, scope.context.host);
  } catch (error) {
    if (error instanceof FunctionError || error instanceof ConversionError) {
      throw new PackerFault(`${call.name}(…) failed: ${error.message}.`, call.span);
    }
    throw error;
  }
}

function signature(name: string, { parameters, rest, optional = 0 }: FunctionType): string {
  const least = parameters.length - optional;
  if (rest) return `${name}(…) takes at least ${least} arguments`;
  if (optional > 0) return `${name}(…) takes ${least} to ${parameters.length} arguments`;
  return `${name}(…) takes ${parameters.length} argument${parameters.length === 1 ? "" : "s"}`;
}

function convertArgument(
  name: string,
  parameter: Parameter,
  { value, span }: { value: Value; span: Span },
): Value {
  if (value === null && !parameter.nullable) {
    throw new PackerFault(`The argument "${parameter.name}" of ${name}(…) must not be null.`, span);
  }
  try {
    return convert(value, parameter.type);
  } catch (error) {
    if (!(error instanceof ConversionError)) throw error;
    const message = `The argument "${parameter.name}" of ${name}(…) does not fit: ${error.message}.`;
    throw new PackerFault(message, span);
  }
}

/** Text of a value that is known only while the build runs. */
const RUNTIME = /\{\{\s*build\s+`/;

function isRuntime(value: Value): boolean {
  if (typeof value === "string") return RUNTIME.test(value);
  if (isList(value)) return value.some(isRuntime);
  return isMap(value) && [...value.values()].some(isRuntime);
}

function callTry(call: Call, scope: Scope, evaluate: Evaluate): Value {
  const failures: string[] = [];
  for (const argument of call.arguments) {
    try {
      return evaluate(argument, scope);
    } catch (error) {
      if (!(error instanceof PackerFault)) throw error;
      failures.push(error.message);
    }
  }
  if (failures.length === 0) throw new PackerFault("try(…) takes at least 1 argument.", call.span);
  const list = failures.join(" ");
  throw new PackerFault(`No argument of try(…) could be evaluated: ${list}`, call.span);
}

function callCan(call: Call, scope: Scope, evaluate: Evaluate): Value {
  const [argument] = onlyArguments(call, 1);
  try {
    if (argument) evaluate(argument, scope);
    return true;
  } catch (error) {
    if (error instanceof PackerFault) return false;
    throw error;
  }
}

function callConvert(call: Call, scope: Scope, evaluate: Evaluate): Value {
  const [value, type] = onlyArguments(call, 2);
  if (!value || !type) return null;
  const given = evaluate(value, scope);
  const wanted = parseType(type, (expression) => evaluate(expression, scope));
  try {
    return convert(given, wanted);
  } catch (error) {
    if (!(error instanceof ConversionError)) throw error;
    throw new PackerFault(`convert(…) failed: ${error.message}.`, value.span);
  }
}

function onlyArguments(call: Call, count: number): readonly Expression[] {
  if (call.arguments.length === count && !call.expand) return call.arguments;
  throw new PackerFault(
    `${call.name}(…) takes ${count} argument${count === 1 ? "" : "s"}, not ${call.arguments.length}.`,
    call.span,
  );
}

/** Renders a file of the template's folder with the given names only. */
function callTemplateFile(call: Call, scope: Scope, evaluate: Evaluate): Value {
  const [pathArgument, namesArgument] = onlyArguments(call, 2);
  if (!pathArgument || !namesArgument) return null;
  const path = evaluate(pathArgument, scope);
  const names = evaluate(namesArgument, scope);
  if (typeof path !== "string") {
    throw new PackerFault("The path of templatefile(…) is a text.", pathArgument.span);
  }
  if (!isMap(names)) {
    throw new PackerFault(
      "The values of templatefile(…) are a map or an object.",
      namesArgument.span,
    );
  }
  if (scope.context.inTemplateFile) {
    throw new PackerFault(
      "A file of templatefile(…) cannot call templatefile(…) itself.",
      call.span,
    );
  }
  return evaluate(parseTemplateText(readTemplate(call, path, scope)), scope.only(names));
}

function readTemplate(call: Call, shown: string, { context }: Scope): SourceFile {
  const path = templatePath(context.host, shown);
  try {
    return new SourceFile(shown, context.host.readFile(path).toString("utf8"));
  } catch (error) {
    throw new PackerFault(`The file ${path} cannot be read: ${messageOf(error)}.`, call.span);
  }
}

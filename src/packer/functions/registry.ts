/** All functions that Packer's HCL templates can call. */
import { COLLECTION_FUNCTIONS } from "./collections.js";
import { DATE_FUNCTIONS } from "./dates.js";
import { ENCODING_FUNCTIONS } from "./encodings.js";
import { FILE_FUNCTIONS } from "./files.js";
import { FunctionError, any, text, textOf } from "./function.js";
import type { FunctionTable, FunctionType } from "./function.js";
import { HASH_FUNCTIONS } from "./hashes.js";
import { NETWORK_FUNCTIONS } from "./networks.js";
import { NUMBER_FUNCTIONS } from "./numbers.js";
import { REGEX_FUNCTIONS } from "./regular-expressions.js";
import { SET_FUNCTIONS } from "./sets.js";
import { TEXT_FUNCTIONS } from "./texts.js";

function refused(reason: string): FunctionType {
  return {
    parameters: [],
    rest: any("arguments"),
    call: () => {
      throw new FunctionError(reason);
    },
  };
}

const SECRET_STORE =
  "vmbuild does not read secret stores; give the value as a sensitive variable, such as PKR_VAR_name in the environment";

/** Functions that are refused, with the reason. */
const REFUSED_FUNCTIONS: FunctionTable = {
  aws_secretsmanager: refused(SECRET_STORE),
  aws_secretsmanager_raw: refused(SECRET_STORE),
  consul_key: refused(SECRET_STORE),
  vault: refused(SECRET_STORE),
};

/** `env`, which the defaults of variables may call. */
const ENVIRONMENT_FUNCTION: FunctionType = {
  parameters: [text("name")],
  call: ([name], { environment }) => environment[textOf(name)] ?? "",
};

/** Functions by name, except those that the evaluator defines itself (`try`, `can`, …). */
export const FUNCTIONS: FunctionTable = {
  ...COLLECTION_FUNCTIONS,
  ...DATE_FUNCTIONS,
  ...ENCODING_FUNCTIONS,
  ...FILE_FUNCTIONS,
  ...HASH_FUNCTIONS,
  ...NETWORK_FUNCTIONS,
  ...NUMBER_FUNCTIONS,
  ...REFUSED_FUNCTIONS,
  ...REGEX_FUNCTIONS,
  ...SET_FUNCTIONS,
  ...TEXT_FUNCTIONS,
  env: refused(
    'env(…) can be used only in the "default" of a variable; declare a variable and use var.name here',
  ),
};

/** Functions for the defaults of variables. */
export const DEFAULT_FUNCTIONS: FunctionTable = { ...FUNCTIONS, env: ENVIRONMENT_FUNCTION };

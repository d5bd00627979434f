/**
 * Data sources `external` and `external-raw` of the plugin github.com/joomcode/external: the output
 * of a program of the host. The program gets the query on standard input, as JSON or as it is.
 */
import { resolve } from "node:path";
import { z } from "zod";
import { messageOf } from "../../errors.js";
import { runProgram } from "../../host/programs.js";
import { mapOf } from "../eval/values.js";
import {
  DataSourceError,
  TEXT,
  TEXTS,
  TEXT_MAP,
  textMapOf,
  textOf,
  textsOf,
} from "./data-source.js";
import type { DataArguments, DataHost, DataSourceKind } from "./data-source.js";

/** Runs the program and returns its standard output. Throws a DataSourceError. */
async function outputOf(given: DataArguments, input: string, host: DataHost): Promise<string> {
  const [program, ...parameters] = textsOf(given, "program");
  if (program === undefined || program === "") {
    throw new DataSourceError('needs a program: "program" is an empty list.');
  }
  const { exitCode, signal, stdout, lastLines } = await runProgram(program, parameters, {
    cwd: resolve(host.cwd, textOf(given, "working_dir") ?? "."),
    env: host.environment,
    input,
    captureOutput: true,
  }).catch((error: unknown) => {
    throw new DataSourceError(`could not run its program: ${messageOf(error)}.`);
  });
  if (exitCode === 0) return stdout;
  const how = exitCode === null ? `was ended by ${signal}` : `ended with exit code ${exitCode}`;
  const last = lastLines.at(-1);
  throw new DataSourceError(`failed: ${program} ${how}${last === undefined ? "." : `: ${last}`}`);
}

const Result = z.record(z.string(), z.string());

/** Parses an object of texts. Throws a DataSourceError. */
function parseResult(text: string): [string, string][] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new DataSourceError(`printed no JSON: ${messageOf(error)}.`);
  }
  const result = Result.safeParse(json);
  if (result.success) return Object.entries(result.data);
  throw new DataSourceError("printed other JSON than an object whose values are all strings.");
}

export const external: DataSourceKind = {
  type: "external",
  text: "`result` is the object that a program prints as JSON. The program runs in the current folder, each time the template is read.",
  arguments: {
    program: { type: TEXTS, required: true },
    query: { type: TEXT_MAP },
    working_dir: { type: TEXT },
  },
  read: async (given, host) => {
    const output = await outputOf(given, JSON.stringify(textMapOf(given, "query")), host);
    return mapOf([["result", mapOf(parseResult(output))]]);
  },
};

export const externalRaw: DataSourceKind = {
  type: "external-raw",
  text: "`result` is the output of a program, as a text.",
  arguments: {
    program: { type: TEXTS, required: true },
    query: { type: TEXT },
    working_dir: { type: TEXT },
  },
  read: async (given, host) =>
    mapOf([["result", await outputOf(given, textOf(given, "query") ?? "", host)]]),
};

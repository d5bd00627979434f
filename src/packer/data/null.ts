/** Data source `null`: returns its argument. Part of Packer itself. */
import { mapOf } from "../eval/values.js";
import { TEXT, textOf } from "./data-source.js";
import type { DataSourceKind } from "./data-source.js";

export const nullSource: DataSourceKind = {
  type: "null",
  text: "`output` is `input`.",
  arguments: { input: { type: TEXT, required: true } },
  read: async (given) => mapOf([["output", textOf(given, "input") ?? ""]]),
};

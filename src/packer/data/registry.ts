/** Kinds of data sources. */
import type { DataSourceKind } from "./data-source.js";
import { external, externalRaw } from "./external.js";
import { gitCommit } from "./git-commit.js";
import { gitRepository } from "./git-repository.js";
import { gitTree } from "./git-tree.js";
import { hostInfo } from "./host-info.js";
import { http } from "./http.js";
import { nullSource } from "./null.js";

/** All kinds, in the order of docs/from-packer.md. */
export const DATA_SOURCES: readonly DataSourceKind[] = [
  http,
  external,
  externalRaw,
  hostInfo,
  gitCommit,
  gitRepository,
  gitTree,
  nullSource,
];

/** Returns a kind by the first label of its blocks. */
export function dataSourceKind(type: string | undefined): DataSourceKind | undefined {
  return DATA_SOURCES.find((kind) => kind.type === type);
}

/**
 * Lists every command in the order of the help. To add one, add a file in this folder and a line in
 * this list.
 */
import { boot } from "./boot.js";
import { checkpoints } from "./checkpoints.js";
import { completion } from "./completion.js";
import type { DefineCommand } from "./define.js";
import { doctor } from "./doctor.js";
import { importCommand } from "./import.js";
import { init } from "./init.js";
import { inspect } from "./inspect.js";
import { list } from "./list.js";
import { logs } from "./logs.js";
import { marketplace } from "./marketplace.js";
import { prune } from "./prune.js";
import { run } from "./run.js";
import { schema } from "./schema.js";
import { screen } from "./screen.js";
import { ssh } from "./ssh.js";
import { test } from "./test.js";
import { validate } from "./validate.js";
import { verify } from "./verify.js";

export const COMMANDS: readonly DefineCommand[] = [
  run,
  ssh,
  screen,
  checkpoints,
  boot,
  test,
  verify,
  marketplace,
  validate,
  inspect,
  importCommand,
  init,
  doctor,
  list,
  logs,
  prune,
  schema,
  completion,
];

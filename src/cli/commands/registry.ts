/**
 * Lists every command in the order of the help. To add one, add a file in this folder and a line in
 * this list.
 */
import { attach } from "./attach.js";
import { boot } from "./boot.js";
import { bundle } from "./bundle.js";
import { checkpoints } from "./checkpoints.js";
import { completion } from "./completion.js";
import { context } from "./context.js";
import type { DefineCommand } from "./define.js";
import { create } from "./create.js";
import { deliver } from "./deliver.js";
import { diff } from "./diff.js";
import { destroy } from "./destroy.js";
import { doctor } from "./doctor.js";
import { fetch } from "./fetch.js";
import { graph } from "./graph.js";
import { images } from "./images.js";
import { importCommand } from "./import.js";
import { init } from "./init.js";
import { inspect } from "./inspect.js";
import { installer } from "./installer.js";
import { list } from "./list.js";
import { logs } from "./logs.js";
import { marketplace } from "./marketplace.js";
import { outdated } from "./outdated.js";
import { provision } from "./provision.js";
import { prune } from "./prune.js";
import { publish } from "./publish.js";
import { release } from "./release.js";
import { renew } from "./renew.js";
import { run } from "./run.js";
import { schema } from "./schema.js";
import { screen } from "./screen.js";
import { ssh } from "./ssh.js";
import { stop } from "./stop.js";
import { test } from "./test.js";
import { validate } from "./validate.js";
import { verify } from "./verify.js";
import { wait } from "./wait.js";

/** Commands under a heading of the help. */
interface CommandGroup {
  readonly heading: string;
  readonly commands: readonly DefineCommand[];
}

/** All commands, in the order and under the headings of the help and the reference. */
export const COMMAND_GROUPS: readonly CommandGroup[] = [
  { heading: "Write templates:", commands: [init, importCommand, validate, inspect, graph] },
  { heading: "Build:", commands: [run, create, attach, wait, stop, renew, deliver] },
  { heading: "Look into builds:", commands: [list, logs, ssh, screen, checkpoints] },
  { heading: "Check images:", commands: [boot, test, verify, diff, outdated] },
  {
    heading: "Publish images:",
    commands: [publish, release, images, bundle, installer, marketplace],
  },
  { heading: "Use other machines:", commands: [provision, context, fetch] },
  { heading: "Look after this host:", commands: [doctor, prune, destroy, schema, completion] },
];

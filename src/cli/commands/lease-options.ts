/** Defines the options of the `run` command that end a run by itself. */
import { Command } from "@commander-js/extra-typings";
import type { OptionValues } from "@commander-js/extra-typings";
import { addGroup } from "./option-group.js";

const leaseOptions = () =>
  new Command()
    .option("--ttl <time>", "end the run at the latest after this time, such as 4h")
    .option("--lease-file <path>", "end the run when this file no longer exists")
    .option("--lease-connection", "end the run when no `attach --hold` is connected any more")
    .option("--grace <time>", "time from the loss of the last holder to the end (default: 30s)");

/** Values of the options that {@link addLeaseOptions} adds. */
export type LeaseFlags = Readonly<ReturnType<ReturnType<typeof leaseOptions>["opts"]>>;

/** Adds the options of a run's lease. */
export function addLeaseOptions<A extends unknown[], O extends OptionValues>(
  command: Command<A, O>,
): Command<A, O & LeaseFlags> {
  return addGroup(command, leaseOptions());
}

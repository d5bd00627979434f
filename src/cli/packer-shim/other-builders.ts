/** Reports sources of builders that do not build with QEMU. */
import { VmbuildError } from "../../errors.js";
import { formatEntry } from "../../packer/mapping/report.js";
import type { ReportEntry } from "../../packer/mapping/report.js";

/** Returns an error for each source that vmbuild cannot build. */
export function otherBuilders(others: readonly ReportEntry[]): VmbuildError[] {
  return others.map(
    (entry) =>
      new VmbuildError("TEMPLATE_INVALID", formatEntry(entry), {
        hint: "Leave it out with -except, or choose the sources to build with -only.",
      }),
  );
}

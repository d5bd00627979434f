/** Converts the options of the qemu builder that describe its output. */
import { posix } from "node:path";
import type { BlockReader } from "../block.js";
import type { ImageContext } from "../context.js";

/** Returns the options' values that Go template code may ask for. */
export function outputNames(
  values: { readonly vmName: string | undefined; readonly directory: string | undefined },
  buildName: string,
): { readonly vmName: string; readonly directory: string } {
  return {
    vmName: values.vmName || `packer-${buildName}`,
    directory: values.directory || `output-${buildName}`,
  };
}

/** Sets `output`. Packer's names and its choice of compression apply where nothing is set. */
export function convertOutput(reader: BlockReader, { draft, source }: ImageContext): void {
  const { vmName, directory } = outputNames(
    { vmName: reader.text("vm_name"), directory: reader.text("output_directory") },
    source.buildName,
  );
  const folder = reader.jsonText("output_directory") || directory;
  const name = reader.jsonText("vm_name") || vmName;
  // A name with folders is below the output folder.
  const isNested = vmName.includes("/");
  draft.set(
    ["output", "directory"],
    isNested ? posix.join(directory, posix.dirname(vmName)) : folder,
    reader.origin("output_directory"),
  );
  draft.set(
    ["output", "filename"],
    isNested ? posix.basename(vmName) : name,
    reader.origin("vm_name"),
  );
  const format = reader.text("format") || "qcow2";
  draft.set(["output", "format"], format, reader.origin("format"));
  if (format !== "qcow2") return;
  const compression = reader.flag("disk_compression") ? "zlib" : "none";
  draft.set(["output", "compression"], compression, reader.origin("disk_compression"));
}

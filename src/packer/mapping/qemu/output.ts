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

/**
 * Returns the name of the image's file.
 * @param form `kept` for the name with references to variables.
 */
export function imageName(
  reader: BlockReader,
  { source }: Pick<ImageContext, "source">,
  form: "kept" | "evaluated" = "kept",
): string {
  const { vmName } = outputNames(
    { vmName: reader.text("vm_name"), directory: undefined },
    source.buildName,
  );
  // A name with folders is below the output folder.
  if (vmName.includes("/")) return posix.basename(vmName);
  return (form === "kept" && reader.jsonText("vm_name")) || vmName;
}

/** Returns the output folder, with references filled in. */
export function outputFolder(
  reader: BlockReader,
  { source }: Pick<ImageContext, "source">,
): string {
  const directory = reader.text("output_directory");
  return outputNames({ vmName: undefined, directory }, source.buildName).directory;
}

/** Sets `output`. Packer's names and its choice of compression apply where nothing is set. */
export function convertOutput(reader: BlockReader, context: ImageContext): void {
  const { draft, source } = context;
  const { vmName, directory } = outputNames(
    { vmName: reader.text("vm_name"), directory: reader.text("output_directory") },
    source.buildName,
  );
  const folder = reader.jsonText("output_directory") || directory;
  // A name with folders is below the output folder.
  const isNested = vmName.includes("/");
  draft.set(
    ["output", "directory"],
    isNested ? posix.join(directory, posix.dirname(vmName)) : folder,
    reader.origin("output_directory"),
  );
  draft.set(["output", "filename"], imageName(reader, context), reader.origin("vm_name"));
  const format = reader.text("format") || "qcow2";
  draft.set(["output", "format"], format, reader.origin("format"));
  if (format !== "qcow2") return;
  const compression = reader.flag("disk_compression") ? "zlib" : "none";
  draft.set(["output", "compression"], compression, reader.origin("disk_compression"));
}

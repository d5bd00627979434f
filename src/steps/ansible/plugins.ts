/** Finds the callback plugin that reports tasks. */
import { fileURLToPath } from "node:url";

/** Folder of the plugin in vmbuild's own files; absolute. */
export const CALLBACK_PLUGINS = fileURLToPath(
  new URL("../../../ansible/callback_plugins", import.meta.url),
);

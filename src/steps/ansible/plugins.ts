/** Finds the callback plugin that reports tasks. */
import { packageFile } from "../../host/package-files.js";

/** Folder of the plugin in vmbuild's own files; absolute. */
export const CALLBACK_PLUGINS = packageFile("ansible/callback_plugins");

/** Provisioner `file`: files to and from the guest. */
import { basename, posix } from "node:path";
import type { BlockReader } from "../block.js";
import { absolutePath, resultPath } from "../context.js";
import { isFolder } from "../host-files.js";
import type { Plain } from "../plain.js";
import { commonStep } from "../provisioner.js";
import type { ProvisionerContext, ProvisionerKind } from "../provisioner.js";
import { mapped, nothing, oneOf } from "../rules.js";

const RULES = {
  source: mapped("action upload, or download"),
  sources: mapped("actions upload, one for each"),
  content: mapped("action write"),
  destination: mapped("`to` of the action, or hostPath of a download"),
  direction: mapped("action upload or download", oneOf(["upload", "download"], "is no direction")),
  generated: nothing("a file that a step makes may be missing before"),
};

/** Name of a file for `content` in a folder (provisioner/file/provisioner.go). */
const CONTENT_NAME = "pkr-file-content";

/** Returns a path of the guest as an absolute one: relative paths begin in the user's home. */
function guestPath(path: string, home: string): string {
  if (path.startsWith("/") || path.startsWith("${var.")) return path;
  const inside = path.replace(/^(?:~|\$HOME|\$\{HOME\})(?=\/|$)\/?/, "");
  return inside === "" ? `${home}/` : posix.join(home, inside);
}

/** Returns the owner that Packer's files have: the user of the login. */
export function ownerOf({ login }: ProvisionerContext) {
  return login.user === "root" ? {} : { owner: `${login.user}:` };
}

/**
 * Returns the destination of a source. A folder without a slash at its end keeps its name below the
 * destination, as with scp.
 */
async function uploadOf(
  source: { readonly path: string; readonly kept: string },
  destination: { readonly text: string; readonly several: boolean },
  context: ProvisionerContext,
): Promise<Plain> {
  const { path, kept } = source;
  const { home } = context.login;
  const to = guestPath(destination.text, home);
  const folder = (await isFolder(absolutePath(context, path))) ?? path.endsWith("/");
  const upload = resultPath(context, path, kept);
  if (!folder) {
    const isInside = destination.several && !to.endsWith("/");
    return { upload, to: isInside ? `${to}/` : to, ...ownerOf(context) };
  }
  const name = basename(absolutePath(context, path));
  return {
    upload,
    to: path.endsWith("/") ? to : posix.join(to, name),
    ...ownerOf(context),
  };
}

function downloadOf(
  path: string,
  destination: { readonly text: string; readonly kept: string; readonly several: boolean },
  context: ProvisionerContext,
): Plain {
  const { text, kept, several } = destination;
  const hostPath = resultPath(context, text, kept);
  return {
    download: guestPath(path, context.login.home),
    hostPath: several && !hostPath.endsWith("/") ? `${hostPath}/` : hostPath,
    overwrite: true,
  };
}

async function actionsOf(reader: BlockReader, context: ProvisionerContext): Promise<Plain[]> {
  const text = reader.jsonText("destination") ?? "";
  const isDownload = reader.text("direction") === "download";
  if (reader.has("content") && !isDownload) {
    const to = guestPath(text, context.login.home);
    const write = to.endsWith("/") ? `${to}${CONTENT_NAME}` : to;
    const content = reader.jsonText("content", "shell") ?? "";
    return [{ write, content, ...ownerOf(context) }];
  }
  const options = ["sources", "source"].filter((name) => reader.has(name));
  const sources = options.flatMap((name) => {
    const kept = reader.jsonTexts(name);
    return reader.texts(name).map((path, index) => ({ path, kept: kept[index] ?? path }));
  });
  const several = sources.length > 1;
  const actions: Plain[] = [];
  for (const source of sources) {
    if (source.path === "") continue;
    const destination = { text, kept: text, several };
    actions.push(
      isDownload
        ? downloadOf(source.kept, destination, context)
        : await uploadOf(source, destination, context),
    );
  }
  return actions;
}

/** Files to and from the guest. */
export const fileProvisioner: ProvisionerKind = {
  name: "file",
  rules: RULES,
  async convert(reader, context) {
    const actions = await actionsOf(reader, context);
    if (actions.length === 0) {
      reader.say("source", "refused", "the provisioner names no file");
      return;
    }
    const { before, timeout, retries } = commonStep(reader);
    const isDownload = reader.text("direction") === "download";
    const named = reader.text(isDownload ? "source" : "destination") ?? "";
    const name = basename(named) || basename(reader.texts("source")[0] ?? "");
    const isSecret = reader.isSensitive("destination");
    context.steps.add({
      title: `file ${isDownload ? "from " : ""}${isSecret ? "" : name}`,
      actions: [...before, ...actions],
      timeout,
      retries,
      origin: { what: reader.subject, place: reader.block.place },
    });
  },
};

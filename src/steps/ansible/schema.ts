/** Defines the fields of the action `ansible`. */
import { dirname, isAbsolute, resolve } from "node:path";
import { z } from "zod";
import { environment, hostPath } from "../../fields.js";
import { isInside } from "../project-files.js";

/** Path of a file or folder of the host. */
const path = hostPath(z.string().min(1));

/** Name of a host in the inventory. */
const hostName = z
  .string()
  .regex(
    /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/,
    "a host name in the inventory consists of letters, digits, dots, dashes and underscores",
  );

/** Name of a group in the inventory. Ansible defines the groups `all` and `ungrouped` itself. */
const groupName = z
  .string()
  .regex(
    /^(?!(all|ungrouped)$)[A-Za-z_][A-Za-z0-9_.-]*$/,
    "a group consists of letters, digits, dots, dashes and underscores, begins with a letter or an underscore, and is not called all or ungrouped",
  );

/** Name of a variable. */
const variableName = z
  .string()
  .regex(
    /^[A-Za-z_][A-Za-z0-9_]*$/,
    "a variable of Ansible consists of letters, digits and underscores, and does not begin with a digit",
  );

/** Tag of tasks. Ansible separates several with commas. */
const tag = z.string().regex(/^[^,\s][^,]*$/, "a tag has no comma; list several tags as items");

/** Folder that stands for the template's, which the schema does not know. */
const ANY_FOLDER = "/1/2/3/4/5/6/7/8/9";

/**
 * Returns whether the playbook is inside the project folder; true where that depends on the folder
 * of the template.
 */
function isInProject(playbook: string, folder: string | undefined): boolean {
  if (folder === undefined || isAbsolute(playbook) !== isAbsolute(folder)) return true;
  return isInside(dirname(resolve(ANY_FOLDER, playbook)), resolve(ANY_FOLDER, folder));
}

/** Schema of the action. */
export const ansibleSchema = z
  .strictObject({
    ansible: path.describe("path of the playbook on the host, relative to the template"),
    in: z
      .enum(["host", "guest"])
      .default("host")
      .describe(
        '"host": Ansible runs on this host and connects to the guest over SSH; "guest": the ' +
          "playbook's folder is uploaded, and the guest's own Ansible runs it",
      ),
    folder: path
      .optional()
      .describe(
        "project folder: contains the playbook, is Ansible's current folder, where it looks for " +
          "ansible.cfg, and all its files count for the checkpoint; if omitted, the playbook's folder",
      ),
    config: path
      .optional()
      .describe("path of an ansible.cfg; if omitted, Ansible looks for it in the project folder"),
    hostAlias: hostName.default("default").describe("name of the guest in the inventory"),
    groups: z
      .array(groupName)
      .default([])
      .describe("groups of the inventory that contain the guest"),
    emptyGroups: z
      .array(groupName)
      .default([])
      .describe("groups of the inventory without a host, which the playbook mentions"),
    inventory: path
      .optional()
      .describe(
        "folder whose group_vars and host_vars apply; hosts that it lists are not used. Those " +
          "beside the playbook always apply",
      ),
    extraVars: z
      .record(variableName, z.unknown())
      .default({})
      .describe(
        "variables with the highest precedence, with values of any type; they are passed in a " +
          "file, so that a sensitive variable appears in no argument list",
      ),
    extraVarsFiles: z
      .array(path)
      .default([])
      .describe("YAML or JSON files of such variables; extraVars take precedence"),
    requirements: path
      .optional()
      .describe(
        "requirements file whose roles and collections ansible-galaxy installs, once for each " +
          "content of the file and version of Ansible",
      ),
    rolesPath: z
      .array(path)
      .default([])
      .describe("folders of roles, searched after the folder roles beside the playbook"),
    limit: z.string().min(1).optional().describe("pattern of hosts that the plays are limited to"),
    tags: z.array(tag).default([]).describe("only tasks with one of these tags run"),
    skipTags: z.array(tag).default([]).describe("tasks with one of these tags do not run"),
    become: z
      .boolean()
      .optional()
      .describe(
        "tasks run as root unless the playbook says otherwise; if omitted, true where ssh.user is " +
          "another user, and for Ansible in the guest, which runs as root anyway, without effect",
      ),
    arguments: z
      .array(z.string().min(1))
      .default([])
      .describe('further arguments of ansible-playbook, such as "--diff" or "-vv"'),
    environment: environment
      .prefault({})
      .describe("environment variables of Ansible, added to those of the step"),
  })
  .superRefine(({ ansible, folder }, context) => {
    if (isInProject(ansible, folder)) return;
    const message = `the playbook ${ansible} is not in this folder`;
    context.addIssue({ code: "custom", path: ["folder"], message });
  })
  .describe("runs an Ansible playbook on the guest");

/** Action as parsed. */
export type AnsibleAction = z.infer<typeof ansibleSchema>;

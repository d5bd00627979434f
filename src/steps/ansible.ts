import { basename } from "node:path";
import type { ProgramName } from "../host/programs.js";
import { defineAction } from "./action.js";
import { runInGuestItself } from "./ansible/in-guest.js";
import { runOnHost } from "./ansible/on-host.js";
import { hostPathsOf, requireSources, sourcesOf } from "./ansible/paths.js";
import { ansibleSchema } from "./ansible/schema.js";
import type { AnsibleAction } from "./ansible/schema.js";
import { warningsOf } from "./ansible/warnings.js";

/** Returns the programs of this host that an action starts. */
function programsOf(action: AnsibleAction): ProgramName[] {
  if (action.in === "guest") return [];
  const galaxy: ProgramName[] = action.requirements === undefined ? [] : ["ansible-galaxy"];
  return ["ansible-playbook", "ansible-config", ...galaxy, "ssh"];
}

/** Runs an Ansible playbook on the guest. */
export const ansible = defineAction<AnsibleAction>({
  name: "ansible",
  summary:
    "Runs an Ansible playbook on the guest, with the Ansible of this host over the build's own SSH connection, or with the Ansible of the guest. The tasks are printed as they end, and their counts are part of the summary.",
  example: '{ "ansible": "site.yml", "groups": ["web"], "requirements": "requirements.yml" }',
  schema: ansibleSchema,
  describe: (action) =>
    [basename(action.ansible), ...(action.in === "guest" ? ["in the guest"] : [])].join(" "),
  sources: sourcesOf,
  programs: programsOf,
  warnings: (action, templateFolder) => warningsOf(hostPathsOf(action, templateFolder)),
  async run(action, context) {
    await requireSources(action, context.templateFolder);
    const play = action.in === "guest" ? runInGuestItself : runOnHost;
    await play(action, context);
  },
});

import { describe, expect, it } from "vitest";
import type { ActionContext } from "../../../../src/steps/action.js";
import { runInGuestItself } from "../../../../src/steps/ansible/in-guest.js";
import { ansibleSchema } from "../../../../src/steps/ansible/schema.js";
import { errorOf } from "../../../support/inputs.js";

/** Runs an action in a guest without Ansible. */
function runWithoutAnsible(action: object) {
  const guest = { ask: () => Promise.resolve([]) };
  const context = { guest, templateFolder: "/t", timeoutMs: 1000 } as unknown as ActionContext;
  return errorOf(runInGuestItself(ansibleSchema.parse(action), context));
}

describe("a playbook in the guest", () => {
  it("needs a guest with Ansible, and says which package it lacks", async () => {
    const error = await runWithoutAnsible({ ansible: "site.yml", in: "guest" });
    expect(error).toMatchObject({ code: "STEP_FAILED" });
    expect(error.message).toBe("The guest has no ansible-playbook");
    expect(error.hint).toContain("ansible-core");
  });

  it("is in its project, also where only the folder of the template tells", async () => {
    const action = { ansible: "site.yml", folder: "/elsewhere", in: "guest" };
    const error = await runWithoutAnsible(action);
    expect(error).toMatchObject({ code: "TEMPLATE_INVALID" });
    expect(error.message).toContain("/t/site.yml is not in the project folder /elsewhere");
  });
});

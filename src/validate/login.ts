/** Checks the credentials of a template's `ssh` section. */
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { asVmbuildError } from "../errors.js";
import { planLogin } from "../requirements/login.js";
import type { Collector } from "./findings.js";
import { checkSecret } from "./secrets.js";

/** Permission bits of users other than the owner. */
const OTHERS = 0o077;

/** Checks that the private key can be used, and warns about credentials that others can read. */
export async function checkLogin(collector: Collector): Promise<void> {
  const { template } = collector;
  const { password, privateKey } = template.ssh;
  if (password !== undefined) {
    checkSecret(collector, ["ssh", "password"], { text: password, name: "the password" });
  }
  if (privateKey === undefined) return;
  try {
    await planLogin(template);
  } catch (thrown) {
    const { message } = asVmbuildError(thrown);
    collector.problem(["ssh", "privateKey"], message.replace(/^ssh\.privateKey: /, ""));
    return;
  }
  const { mode } = await stat(resolve(template.folder, privateKey));
  if ((mode & OTHERS) === 0) return;
  const message = `${privateKey} can be read by other users of this host; use chmod 600`;
  collector.warning(["ssh", "privateKey"], message);
}

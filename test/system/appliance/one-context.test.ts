/** Workarounds of the appliance for OpenNebula's framework and package. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { contextScript } from "../../../src/seed/context.js";
import type { Appliance } from "../../support/appliance.js";
import { createAppliance } from "../../support/appliance.js";

const CONTEXT = "/run/one-context/context.sh.network";
const ENVIRONMENT = "/run/one-context/one_env";
const HOOK = "/standins/one-apps/appliances/scripts/net-99-report-ready";

let appliance: Appliance;
beforeAll(async () => {
  appliance = await createAppliance();
}, 600_000);
afterAll(() => appliance[Symbol.asyncDispose]());
const ask = (script: string, variables = {}): Promise<string> =>
  appliance.tree.ask(script, variables);

/** Does what one-context does before it runs the service, with a token on the CONTEXT disk. */
async function prepare(variables: Record<string, string>): Promise<void> {
  await ask(
    `set -e
    rm -rf /run/one-context && mkdir -p /run/one-context/mount
    printf %s "$TEXT" >${CONTEXT}
    echo t0ken+/= >/run/one-context/mount/token.txt
    set -a; . ${CONTEXT}; set +a
    MOUNT_DIR=/run/one-context/mount CONTEXT_FILE=${CONTEXT} \\
      /bin/bash /standins/one-context/scripts/loc-16-gen-env local 2>/dev/null || true`,
    { TEXT: contextScript(variables) },
  );
}

const HOSTILE = {
  ONEAPP_COPILOT_PASSWORD: `it's $(touch /tmp/owned) \`touch /tmp/owned\` "so"/7 $HOME & \\`,
  // For one-context, the second line sets a variable; it stops there.
  ONEAPP_COPILOT_TLS_CERT: "-----BEGIN CERTIFICATE-----\n9ab==\n-----END CERTIFICATE-----\n",
  START_SCRIPT: '#!/bin/sh\necho "hello"\nA=1\n9ab==\n',
  SET_HOSTNAME: "last",
};

describe("the variables that one-context writes for those who source them", () => {
  beforeEach(() => appliance.reset());

  it("have the values of the context, and none of them is executed", async () => {
    await prepare(HOSTILE);
    await appliance.service("configure", { CONTEXT_FILE: CONTEXT });
    expect(await ask(`stat -c '%a %U' ${ENVIRONMENT}`)).toBe("400 root");
    for (const [name, value] of Object.entries(HOSTILE)) {
      for (const shell of ["bash", "sh"]) {
        const source = `${shell} -ec '. ${ENVIRONMENT}; printf %s "$${name}"' | cmp - /tmp/want`;
        await ask(`printf %s "$WANT" >/tmp/want; ${source}`, { WANT: value });
      }
    }
    expect(await ask(`. ${ENVIRONMENT}; echo "$TOKENTXT"`)).toBe("t0ken+/=");
    await ask("! test -e /tmp/owned");
  });

  it("report to OpenNebula that a machine is ready whose password has a quote", async () => {
    const context = { REPORT_READY: "YES", ONEAPP_COPILOT_PASSWORD: `a"quote` };
    await prepare(context);
    // This is the problem without the appliance's workaround.
    await ask(`! bash -ec '. ${ENVIRONMENT}' 2>/dev/null`);
    await appliance.boot({ ...context, CONTEXT_FILE: CONTEXT });
    expect((await appliance.tree.run(`bash ${HOOK}`, context)).exitCode).toBe(0);
    await ask("test -e /run/one-context/reported-ready");
  });

  it.each([
    ["has another form", `echo "export TOKENTXT='quoted'" >${ENVIRONMENT}`],
    ["comes from a context that cannot be read", `echo "A='" >${CONTEXT}`],
    ["belongs to no context", `rm ${CONTEXT}`],
  ])("stay as they are where the file %s", async (_, spoil) => {
    await prepare({ SET_HOSTNAME: "x" });
    await ask(`${spoil}; cp ${ENVIRONMENT} /tmp/before`);
    await appliance.service("configure", { CONTEXT_FILE: CONTEXT });
    await ask(`cmp ${ENVIRONMENT} /tmp/before`);
    expect(await ask("cat /etc/one-appliance/status")).toBe("configure_success");
  });
});

it("starts a machine after a power failure during a stage", async () => {
  await appliance.reset();
  await appliance.boot();
  await ask(`mkfifo /var/log/one-appliance/one_service_log.pipe
    echo bootstrap_started >/etc/one-appliance/status`);
  await appliance.boot();
  expect(await ask("cat /etc/one-appliance/status")).toBe("bootstrap_success");
  await ask("! test -e /var/log/one-appliance/one_service_log.pipe");
});

it("does not overwrite the log of a running stage when it is called again", async () => {
  await appliance.reset();
  await ask(`mkdir -p /var/log/one-appliance && mkfifo /var/log/one-appliance/one_service_log.pipe
    sleep 60 >/dev/null 2>&1 & echo $! >/run/one-appliance-service.pid`);
  expect((await appliance.service("configure")).output).toContain("running already");
  expect((await appliance.service("help")).exitCode).toBe(0);
  await ask(`test -p /var/log/one-appliance/one_service_log.pipe
    kill "$(cat /run/one-appliance-service.pid)"; rm /run/one-appliance-service.pid`);
});

describe("a boot", () => {
  const withPassword = async (P: string): Promise<number> =>
    (await appliance.curl("/v1/models", `-u "copilot:$P"`, { P })).status;
  /** Restarts: only what systemd starts by itself is running. */
  const restart = (): Promise<string> =>
    ask("systemctl stop nginx; systemctl stop local-ai; systemctl start local-ai");
  beforeAll(async () => {
    await appliance.reset();
    await appliance.boot({ ONEAPP_COPILOT_PASSWORD: "the first one" });
  });

  it("does not accept the last boot's password before it has read its context", async () => {
    await ask("! systemctl is-enabled nginx");
    await restart();
    await appliance.boot({ ONEAPP_COPILOT_PASSWORD: "the second one" });
    expect(await withPassword("the first one")).toBe(401);
    expect(await withPassword("the second one")).toBe(200);
    await ask("! systemctl is-enabled nginx");
  });

  it("serves as before when its context is invalid", async () => {
    await restart();
    const wrong = { ONEAPP_COPILOT_PASSWORD: "the third one", ONEAPP_COPILOT_THREADS: "none" };
    expect((await appliance.service("configure", wrong)).exitCode).toBe(1);
    await ask("until curl -s --fail http://127.0.0.1:8080/readyz; do sleep 0.05; done");
    expect(await withPassword("the second one")).toBe(200);
    expect(await withPassword("the third one")).toBe(401);
    expect(await ask("cat /etc/one-appliance/status")).toBe("configure_failure");
  });

  it("serves nothing when the first context is invalid", async () => {
    await appliance.reset();
    const { exitCode } = await appliance.service("configure", { ONEAPP_COPILOT_THREADS: "none" });
    expect(exitCode).toBe(1);
    await ask("! systemctl is-active nginx");
  });
});

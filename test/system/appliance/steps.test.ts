/**
 * Checks of the template's eight steps, in a root file system without a machine: each passes after
 * its step, and fails after the matching sabotage.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { composeTemplate } from "../../../src/template/compose.js";
import { createBareTree, deliver, runService } from "../../support/appliance.js";
import type { Tree } from "../../support/tree.js";

const actionSchema = z.object({ run: z.array(z.string()).optional() });
const stepsSchema = z.array(
  z.object({ name: z.string(), actions: z.array(actionSchema), verify: z.array(z.string()) }),
);
const template = await composeTemplate(resolve("appliances/slm-copilot/slm-copilot.json"));
const { steps } = z.object({ steps: stepsSchema }).parse(template.value);

let tree: Tree;
beforeAll(async () => {
  tree = await createBareTree();
  const folder = mkdtempSync(join(tmpdir(), "vmb-deb-"));
  try {
    execFileSync(resolve("test/standins/one-context/build"), [join(folder, "one-context.deb")]);
    await tree.copy(folder, "/debs");
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 600_000);
afterAll(() => tree[Symbol.asyncDispose]());

const ONE = "/etc/one-appliance";
const HOOKS = "/etc/one-context.d";
const DPKG = "/var/lib/dpkg/status";

/** Returns the commands of a step's `run` actions. */
function commandsOf(name: string): string {
  const actions = steps.find((step) => step.name === name)?.actions ?? [];
  return ["set -e", ...actions.flatMap(({ run }) => run ?? [])].join("\n");
}

/** Line of sabotage, its repair, and the checks that it must break. */
type Sabotage = readonly [spoil: string, repair: string, breaks: RegExp];

const moved = (path: string, breaks: RegExp): Sabotage => [
  `mv ${path} /root/moved`,
  `mv /root/moved ${path}`,
  breaks,
];
const made = (path: string, breaks: RegExp): Sabotage => [
  `install -D /dev/stdin ${path} <<<x`,
  `rm ${path}`,
  breaks,
];
const changed = (path: string, breaks: RegExp): Sabotage => [
  `cp -p ${path} /root/kept && echo '# more' >>${path}`,
  `cp -p /root/kept ${path}`,
  breaks,
];
const remoded = (path: string, wrong: string, right: string, breaks: RegExp): Sabotage => [
  `chmod ${wrong} ${path}`,
  `chmod ${right} ${path}`,
  breaks,
];
const sshd = (words: string, breaks: RegExp): Sabotage => [
  `echo '${words}' >/etc/ssh/sshd_config.d/00-a.conf`,
  "rm /etc/ssh/sshd_config.d/00-a.conf",
  breaks,
];

const CASES: Record<string, { act: () => Promise<unknown>; sabotage: readonly Sabotage[] }> = {
  "ssh-hardening": {
    act: () => tree.ask("ssh-keygen -A >/dev/null; /provisioners/81-configure-ssh.sh"),
    sabotage: [
      sshd("PasswordAuthentication yes", /passwordauthentication/),
      sshd("PermitRootLogin yes", /permitrootlogin/),
      sshd("UseDNS yes", /usedns/),
      sshd("NoSuchOption", /sshd -T/),
      made("/etc/ssh/sshd_config.d/50-cloud-init.conf", /cloud-init\.conf|sshd -T/),
    ],
  },
  "one-context": {
    act: () => tree.ask("dpkg -i /debs/one-context.deb"),
    sabotage: [
      [
        `cp ${DPKG} /root/dpkg; sed -i '/^Package: one-context$/,/^$/s/install ok installed/install ok half-configured/' ${DPKG}`,
        `cp /root/dpkg ${DPKG}`,
        /dpkg-query/,
      ],
      [
        "systemctl disable one-context-local",
        "systemctl enable one-context-local",
        /one-context-local/,
      ],
      ["systemctl disable one-context", "systemctl enable one-context", /one-context\.service/],
      moved(HOOKS, /test -d/),
      made("/etc/systemd/network/90-dhcp.network", /systemd\/network/),
      ["mkdir /context", "rmdir /context", /\/context/],
    ],
  },
  directories: {
    act: async () => {
      await tree.ask(commandsOf("directories"));
      await deliver(tree);
    },
    sabotage: [
      remoded(`${ONE}/lib`, "755", "750", /750 root/),
      ["chown nobody /opt/one-appliance/bin", "chown root /opt/one-appliance/bin", /755 root/],
      remoded("/opt/slm-copilot/bin/local-ai", "644", "755", /local-ai/),
      moved("/opt/slm-copilot/payload/llama-cpp/run.sh", /run\.sh/),
      [
        "sed -i s/GGUF/NOPE/ /opt/slm-copilot/models/*.gguf",
        "sed -i s/NOPE/GGUF/ /opt/slm-copilot/models/*.gguf",
        /GGUF/,
      ],
    ],
  },
  framework: {
    act: () =>
      tree.ask(`mkdir /run/one-apps && cd /standins/one-apps/appliances
        cp service.sh lib/* scripts/* /run/one-apps/
        ${commandsOf("framework")}`),
    sabotage: [
      remoded(`${ONE}/service`, "644", "755", /test -x/),
      changed(`${ONE}/service`, /service\.sh/),
      changed(`${ONE}/lib/common.sh`, /common\.sh/),
      moved(`${ONE}/lib/functions.sh`, /functions\.sh/),
    ],
  },
  appliance: {
    act: () => Promise.resolve(),
    sabotage: [
      [
        `cp ${ONE}/service.d/appliance.sh /root/kept; echo 'if' >>${ONE}/service.d/appliance.sh`,
        `cp /root/kept ${ONE}/service.d/appliance.sh`,
        /^bash -n/,
      ],
      [
        `cp ${ONE}/service.d/slm-copilot/lib/tls.sh /root/kept; echo 'if' >>${ONE}/service.d/slm-copilot/lib/tls.sh`,
        `cp /root/kept ${ONE}/service.d/slm-copilot/lib/tls.sh`,
        /^for part/,
      ],
      [
        `sed -i s/^service_bootstrap/other_bootstrap/ ${ONE}/service.d/appliance.sh`,
        `sed -i s/^other_bootstrap/service_bootstrap/ ${ONE}/service.d/appliance.sh`,
        /declare -F/,
      ],
    ],
  },
  "context-hooks": {
    act: () => tree.ask("/provisioners/82-configure-context.sh"),
    sabotage: [
      remoded(`${HOOKS}/net-90-service-appliance`, "644", "755", /stat.*net-90/),
      remoded(`${HOOKS}/net-99-report-ready`, "600", "755", /stat.*net-99/),
      changed(`${HOOKS}/net-90-service-appliance`, /cmp.*net-90/),
      // The package's own file instead: the defect of earlier images.
      [
        `cp -p ${HOOKS}/net-99-report-ready /root/kept; cp /standins/one-context/scripts/net-99-report-ready ${HOOKS}/`,
        `cp -p /root/kept ${HOOKS}/net-99-report-ready`,
        /cmp.*net-99/,
      ],
    ],
  },
  "service-install": {
    act: async () => expect((await runService(tree, "install")).exitCode).toBe(0),
    sabotage: [
      [
        `echo install_failure >${ONE}/status`,
        `echo install_success >${ONE}/status`,
        /install_success/,
      ],
      [
        "cp /var/log/one-appliance/install.log /root/kept; : >/var/log/one-appliance/install.log",
        "cp /root/kept /var/log/one-appliance/install.log",
        /test -s|The model answers/,
      ],
      made("/var/run/one-appliance-service.pid", /pid/),
      ["systemctl disable local-ai", "systemctl enable local-ai", /is-enabled/],
      [
        "mv /etc/nginx/sites-enabled /root/moved; systemctl start nginx",
        "systemctl stop nginx; mv /root/moved /etc/nginx/sites-enabled",
        /is-active/,
      ],
      remoded("/opt/slm-copilot/backends/llama-cpp/run.sh", "644", "755", /backends/),
      ["mkdir /opt/slm-copilot/payload", "rmdir /opt/slm-copilot/payload", /payload/],
      remoded("/var/lib/slm-copilot", "755", "750", /750 slm-copilot/),
    ],
  },
  cleanup: {
    // The host's swap and file systems must not be used by this test.
    act: () =>
      tree.ask("/provisioners/90-cleanup.sh", {
        CLEANUP_PURGE: "cloud-init snapd fwupd",
        CLEANUP_SKIP: "swap free-space",
      }),
    sabotage: [
      [
        `cp ${DPKG} /root/dpkg; printf 'Package: snapd\\nStatus: deinstall ok config-files\\nVersion: 1\\nArchitecture: all\\nMaintainer: a <a@b>\\nDescription: x\\n\\n' >>${DPKG}`,
        `cp /root/dpkg ${DPKG}`,
        /dpkg-query/,
      ],
      made("/var/lib/apt/lists/mirror_Packages", /apt\/lists/),
      ["mkdir /context", "rmdir /context", /\/context/],
      made("/usr/sbin/policy-rc.d", /policy-rc/),
      ["echo 0123 >/etc/machine-id", ": >/etc/machine-id", /machine-id/],
      made("/etc/ssh/ssh_host_rsa_key", /ssh_host/),
      made("/root/.ssh/authorized_keys", /authorized_keys/),
      ["echo root:secret | chpasswd", "passwd -l root", /shadow/],
      made("/var/tmp/left", /\/var\/tmp/),
      ["mkdir -p /var/lib/cloud", "rmdir /var/lib/cloud", /lib\/cloud/],
      made("/etc/slm-copilot/password", /etc\/slm-copilot/),
      made(`${ONE}/config`, /one-appliance\/config/),
      made("/opt/.model.vmbuild-part", /vmbuild-part/),
    ],
  },
};

/** Returns the checks that fail, each run as the template's are. */
async function failing(verify: readonly string[]): Promise<string[]> {
  const failed: string[] = [];
  for (const command of verify) {
    const { exitCode } = await tree.run('exec /bin/sh -ec "$COMMAND"', { COMMAND: command });
    if (exitCode !== 0) failed.push(command);
  }
  return failed;
}

it("are those of eight steps, in their order", () => {
  expect(steps.map(({ name }) => name)).toEqual(Object.keys(CASES));
});

describe.each(steps)("$name", ({ name, verify }) => {
  const { act, sabotage } = CASES[name] ?? { act: () => Promise.resolve(), sabotage: [] };

  it("passes its checks, and fails each of them after sabotage", async () => {
    await act();
    expect(await failing(verify)).toEqual([]);
    const broken = new Set<string>();
    for (const [spoil, repair, breaks] of sabotage) {
      await tree.ask(spoil);
      const failed = await failing(verify);
      await tree.ask(repair);
      const meant = failed.filter((command) => breaks.test(command));
      expect({ spoil, meant }).not.toEqual({ spoil, meant: [] });
      for (const command of failed) broken.add(command);
    }
    expect(await failing(verify)).toEqual([]);
    expect(verify.filter((command) => !broken.has(command))).toEqual([]);
  });
});

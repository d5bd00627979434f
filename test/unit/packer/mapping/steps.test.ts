/** Provisioners and the steps that they become. */
import { describe, expect, it } from "vitest";
import { IMAGE, convertSource, refusedOf, stepsOf } from "../../../support/packer.js";

const AS_USER = IMAGE.replace('ssh_username = "root"', 'ssh_username = "debian"');

/** Returns the only action of the only step of a shell provisioner. */
async function actionOf(options: string, source = IMAGE, files: Record<string, string> = {}) {
  const image = await convertSource(source, `provisioner "shell" {\n${options}\n}`, { files });
  const [step] = image.template["steps"] as { actions: Record<string, unknown>[] }[];
  return { action: step?.actions[0], image };
}

describe("a shell provisioner", () => {
  it("is a step named after its first command", async () => {
    const build = `
      provisioner "shell" {
        environment_vars = ["A=b c"]
        env              = { N = "1" }
        inline           = ["apt-get update", "", "apt-get install -y jq"]
        max_retries      = 2
        timeout          = "5m"
        pause_before     = "1m30s"
        pause_after      = "2s"
        valid_exit_codes = [0, 3]
      }
      provisioner "shell" { inline = ["apt-get update"] }`;
    expect(await stepsOf(build)).toEqual([
      {
        name: "shell-apt-get-update",
        environment: { A: "b c", N: "1" },
        timeout: "5m",
        retries: 2,
        actions: [
          { local: "sleep 90", cache: true },
          { run: "apt-get update\n\napt-get install -y jq", exitCodes: [0, 3] },
          { local: "sleep 2", cache: true },
        ],
      },
      { name: "shell-apt-get-update-2", timeout: "24h", actions: [{ run: ["apt-get update"] }] },
    ]);
  });

  it("runs scripts by their own first line", async () => {
    const build = 'provisioner "shell" { scripts = ["a.sh", "b/c.sh"] }';
    expect(await stepsOf(build)).toEqual([
      {
        name: "shell-a.sh-c.sh",
        timeout: "24h",
        actions: [{ script: "a.sh" }, { script: "b/c.sh" }],
      },
    ]);
  });

  it.each([
    ['inline_shebang = "/bin/bash -e"', { interpreter: ["/bin/bash", "-e"] }],
    ['inline_shebang = "/bin/sh -e"', {}],
    ['execute_command = "bash -eux {{ .Path }}"', { interpreter: ["bash", "-eux"] }],
    ['execute_command = "cd /srv && {{.Vars}} {{.Path}}"', { cwd: "/srv" }],
  ])("follows %s", async (option, fields) => {
    const { action } = await actionOf(`inline = ["x"]\n${option}`);
    expect(action).toEqual({ run: ["x"], ...fields });
  });

  const ROOT = { cwd: "/home/debian" };
  it.each([
    ["", { user: "debian" }],
    [`sudo sh -c '{{ .Vars }} {{ .Path }}'`, ROOT],
    [`chmod +x {{ .Path }}; sudo env {{ .Vars }} {{ .Path }}`, ROOT],
    [`echo 'pw' | {{.Vars}} sudo -S -E bash '{{.Path}}'`, { ...ROOT, interpreter: ["bash"] }],
    [`echo 'pw' | sudo -S -E sh -eux '{{.Path}}'`, { ...ROOT, interpreter: ["sh", "-eux"] }],
    [`{{.Vars}} sudo -E -S -p '' bash -x {{.Path}}`, { ...ROOT, interpreter: ["bash", "-x"] }],
    [`sudo -i {{.Path}}`, {}],
    [`sudo -u postgres {{.Vars}} {{.Path}}`, { ...ROOT, user: "postgres" }],
    [`su - root -c 'sh {{.Path}}'`, { interpreter: ["sh"] }],
    [`doas {{.Path}}`, ROOT],
    [`sudo {{.Vars}} -S -E bash '{{.Path}}'`, { ...ROOT, interpreter: ["bash"] }],
    [`cd /tmp/x && sudo bash -c '{{.Vars}} {{.Path}}'`, { cwd: "/tmp/x" }],
  ])("knows the user of %j", async (command, fields) => {
    const option = command === "" ? "" : `execute_command = ${JSON.stringify(command)}`;
    const { action, image } = await actionOf(`inline = ["x"]\n${option}`, AS_USER);
    expect(action).toEqual({ run: ["x"], ...fields });
    expect(refusedOf(image)).toEqual([]);
  });

  it("runs an execute_command of another form as it is, with the script in a file", async () => {
    const command = `if [[ $A == 1 ]]; then sudo {{.Vars}} -E bash '{{.Path}}'; fi`;
    const options = `execute_command = ${JSON.stringify(command)}\nenvironment_vars = ["A=1", "B=it's", ""]`;
    const { image } = await actionOf(`inline = ["one $A", "two"]\n${options}`, AS_USER);
    expect(refusedOf(image)).toEqual([]);
    expect(image.template["steps"]).toMatchObject([
      {
        environment: { A: "1", B: "it's" },
        actions: [
          {
            ...{ write: "/tmp/script_1.sh", mode: "0755", owner: "debian:" },
            content: "#!/bin/sh -e\none $A\ntwo\n",
          },
          {
            run: `if [[ $A == 1 ]]; then sudo A="$A" B="$B" -E bash '/tmp/script_1.sh'; fi`,
            interpreter: ["/bin/bash"],
            user: "debian",
          },
          { run: "rm -f /tmp/script_1.sh" },
        ],
      },
    ]);
    const before = `scripts = ["a.sh"]\nexecute_command = "umask 022; {{.Vars}} {{.Path}}"`;
    expect((await actionOf(before)).image.template["steps"]).toMatchObject([
      {
        actions: [
          { upload: "a.sh", to: "/tmp/script_1.sh", mode: "0755" },
          { run: "umask 022;  /tmp/script_1.sh", interpreter: ["/bin/sh"] },
          { run: "rm -f /tmp/script_1.sh" },
        ],
      },
    ]);
  });

  it("sets the variables of an execute_command", async () => {
    const { image } = await actionOf(
      `inline = ["x"]\nexecute_command = "sudo DEBUG=1 {{.Vars}} {{.Path}}"`,
    );
    expect(image.template["steps"]).toMatchObject([{ environment: { DEBUG: "1" } }]);
  });

  it.each([
    ["reboot", true],
    ["sudo systemctl reboot", true],
    ["apt-get upgrade && shutdown -r now", "maybe"],
    ["[ -e /x ] && reboot\ntrue", "maybe"],
    ["test -f /run/reboot-required || exit 0", undefined],
    ["echo reboot", undefined],
    ["# reboot", undefined],
    ["shutdown -h now", undefined],
  ])("tells whether %j restarts the guest", async (command, restarts) => {
    const { action } = await actionOf(`inline = [${JSON.stringify(command)}]`);
    expect(action?.["expectReboot"]).toBe(restarts);
  });

  it("reads scripts to tell whether they restart the guest", async () => {
    const build = `provisioner "shell" {
      scripts           = ["a.sh", "b.sh", "missing.sh"]
      expect_disconnect = true
    }`;
    const files = { "a.sh": "reboot\n", "b.sh": "true\n" };
    expect(await stepsOf(build, { files })).toMatchObject([
      {
        actions: [
          { script: "a.sh", expectReboot: true },
          { script: "b.sh" },
          { script: "missing.sh", expectReboot: "maybe" },
        ],
      },
    ]);
  });

  it("is left out where its script is empty", async () => {
    expect(await stepsOf('provisioner "shell" { scripts = ["/dev/null"] }')).toEqual([]);
  });

  it("gives scripts the variables of Packer that they use", async () => {
    const { image } = await actionOf('inline = ["echo $PACKER_BUILDER_TYPE"]');
    expect(image.template["steps"]).toMatchObject([
      { environment: { PACKER_BUILDER_TYPE: "qemu" } },
    ]);
  });

  it("escapes what vmbuild would take for a reference", async () => {
    const { action } = await actionOf('inline = ["echo $${name} $${x}"]');
    expect(action).toEqual({ run: ["echo $${name} ${x}"] });
  });
});

describe("a file provisioner", () => {
  const files = { "conf/a": "1", motd: "x" };

  it.each([
    ['source = "motd"\ndestination = "/etc/motd"', { upload: "motd", to: "/etc/motd" }],
    ['source = "motd"\ndestination = "/etc/"', { upload: "motd", to: "/etc/" }],
    ['source = "motd"\ndestination = "motd"', { upload: "motd", to: "/root/motd" }],
    ['source = "motd"\ndestination = "~/x"', { upload: "motd", to: "/root/x" }],
    ['source = "conf"\ndestination = "/srv"', { upload: "conf", to: "/srv/conf" }],
    ['source = "conf/"\ndestination = "/srv"', { upload: "conf/", to: "/srv" }],
    ['content = "a\\n"\ndestination = "/a"', { write: "/a", content: "a\n" }],
    ['content = "a"\ndestination = "/a/"', { write: "/a/pkr-file-content", content: "a" }],
    [
      'source = "/var/log/x"\ndestination = "logs/"\ndirection = "download"',
      { download: "/var/log/x", hostPath: "logs/", overwrite: true },
    ],
  ])("with %j", async (options, action) => {
    const build = `provisioner "file" {\n${options}\n}`;
    expect(await stepsOf(build, { files })).toMatchObject([{ actions: [action] }]);
  });

  it("uploads several files into a folder", async () => {
    const build = 'provisioner "file" {\n sources = ["motd", "conf/a"]\n destination = "/srv"\n}';
    expect(await stepsOf(build, { files })).toMatchObject([
      {
        actions: [
          { upload: "motd", to: "/srv/" },
          { upload: "conf/a", to: "/srv/" },
        ],
      },
    ]);
  });

  it("gives files to the user of the login", async () => {
    const build = 'provisioner "file" {\n source = "motd"\n destination = "x"\n}';
    const { template } = await convertSource(AS_USER, build, { files });
    expect(template["steps"]).toMatchObject([
      { actions: [{ upload: "motd", to: "/home/debian/x", owner: "debian:" }] },
    ]);
  });
});

describe("other provisioners", () => {
  it("runs commands of the host", async () => {
    const build = `
      provisioner "shell-local" {
        environment_vars = ["A=b"]
        inline           = ["make", "cat x | sort"]
      }
      provisioner "shell-local" { script = "tools/x.sh" }`;
    expect(await stepsOf(build)).toMatchObject([
      {
        name: "local-make",
        environment: { A: "b" },
        actions: [{ local: ["set +o pipefail", "make", "cat x | sort"] }],
      },
      { name: "local-x.sh", actions: [{ local: ["./tools/x.sh"] }] },
    ]);
  });

  it("runs playbooks", async () => {
    const build = `
      provisioner "ansible" {
        playbook_file    = "ansible/site.yml"
        groups           = ["web"]
        galaxy_file      = "requirements.yml"
        ansible_env_vars = ["ANSIBLE_CONFIG=ansible.cfg", "ANSIBLE_NOCOLOR=1"]
        extra_arguments  = ["--extra-vars", "a=1 b='2 3'", "-e", "@vars.yml", "--tags=x,y", "-vv", "--scp-extra-args", "'-O'"]
      }
      provisioner "ansible-local" { playbook_file = "local.yml" }`;
    expect(await stepsOf(build)).toMatchObject([
      {
        name: "ansible-site.yml",
        actions: [
          {
            ansible: "ansible/site.yml",
            groups: ["web"],
            requirements: "requirements.yml",
            config: "ansible.cfg",
            environment: { ANSIBLE_NOCOLOR: "1" },
            extraVars: { a: "1", b: "2 3" },
            extraVarsFiles: ["vars.yml"],
            tags: ["x", "y"],
            arguments: ["-vv"],
          },
        ],
      },
      { actions: [{ ansible: "local.yml", in: "guest" }] },
    ]);
  });

  it.each([
    [
      "controller ansible_host={{ .Host }} ansible_user={{ .User }} ansible_port={{ .Port }}\\n",
      "controller",
    ],
    ["{{ .HostAlias }} ansible_host={{.Host}} ansible_ssh_port={{.Port}}", "web"],
  ])("takes the guest's name from the line of the inventory %s", async (line, hostAlias) => {
    const build = `
      provisioner "ansible" {
        playbook_file           = "site.yml"
        host_alias              = "web"
        inventory_file_template = "${line}"
      }`;
    expect(await stepsOf(build)).toMatchObject([{ actions: [{ ansible: "site.yml", hostAlias }] }]);
  });

  it("refuses a line of the inventory with other variables", async () => {
    const build = `
      provisioner "ansible" {
        playbook_file           = "site.yml"
        inventory_file_template = "x ansible_host={{ .Host }} role=db"
      }`;
    expect(refusedOf(await convertSource(IMAGE, build)).join()).toContain("only the guest's name");
  });

  it("leaves out breakpoints, and refuses what is for Windows", async () => {
    const build = 'provisioner "breakpoint" {}\nprovisioner "powershell" { inline = ["x"] }';
    const image = await convertSource(IMAGE, build);
    expect(image.template).not.toHaveProperty("steps");
    expect(refusedOf(image).join()).toContain("provisioner powershell: is for Windows guests");
    expect(image.report.some(({ isFatal }) => isFatal === true)).toBe(true);
  });
});

describe("shutdown_command", () => {
  it.each([
    ["poweroff"],
    ["sudo shutdown -P now"],
    ["echo 'pw' | sudo -S shutdown -P now"],
    ["sudo -S sh -c 'sync; /sbin/halt -p'"],
    ["echo 'shutdown -p now' | su -"],
    ["echo '/sbin/shutdown -h now'|sudo sh"],
    ["sudo systemctl start poweroff.timer"],
    ['sudo su -c "/sbin/shutdown -hP now"'],
  ])("%j needs nothing", async (command) => {
    const image = await convertSource(`${IMAGE}\nshutdown_command = ${JSON.stringify(command)}`);
    expect(image.template).not.toHaveProperty("steps");
    expect(refusedOf(image)).toEqual([]);
  });

  it.each([
    ["userdel -r packer && poweroff", "userdel -r packer"],
    [
      "sudo sh -c 'fstrim -av; rm -rf /var/tmp/*; shutdown -h now'",
      "fstrim -av; rm -rf /var/tmp/*",
    ],
    ["echo 'rm -f /etc/a; shutdown -p now' | su -", "rm -f /etc/a"],
    ["echo 'pw' | sudo -S bash -c 'cloud-init clean' && sudo poweroff", "cloud-init clean"],
  ])("%j has a last step", async (command, run) => {
    const source = `${IMAGE}\nshutdown_command = ${JSON.stringify(command)}`;
    const { template } = await convertSource(source);
    expect(template["steps"]).toMatchObject([{ name: "shutdown_command", actions: [{ run }] }]);
  });

  it("is refused where nothing in it powers off", async () => {
    const image = await convertSource(`${IMAGE}\nshutdown_command = "/root/end.sh"`);
    expect(refusedOf(image)).toHaveLength(1);
  });
});

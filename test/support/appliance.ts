/**
 * Installs SLM-Copilot in a tree, with its real scripts, nginx, OpenSSL and certbot, and stand-ins
 * for the rest.
 */
import { resolve } from "node:path";
import { createTree } from "./tree.js";
import type { Tree, TreeEnd } from "./tree.js";

/** Packages that the tests of appliance and provisioners need; one tree serves all of them. */
const PACKAGES = [
  ...["nginx", "openssl", "curl", "jq", "ca-certificates", "certbot", "iproute2", "hostname"],
  ...["python3-minimal", "procps", "openssh-server"],
];

/** Context variables of one boot. */
export type Context = Readonly<Record<string, string>>;

/** Response over HTTP. */
export interface HttpAnswer {
  readonly status: number;
  /** Headers and body, unmodified. */
  readonly text: string;
}

/** Instance of the appliance. */
export interface Appliance extends AsyncDisposable {
  readonly tree: Tree;
  /** Runs the service script as one-apps and its hooks do. */
  service(stage: string, context?: Context): Promise<TreeEnd>;
  /** Runs configure and bootstrap, as at each boot. Throws with the output when one fails. */
  boot(context?: Context): Promise<string>;
  /** Restores the state before the first boot. */
  reset(): Promise<void>;
  /**
   * Requests the HTTPS port with curl. Secrets are passed as variables, so that they need no
   * quoting.
   */
  curl(path: string, args?: string, variables?: Context): Promise<HttpAnswer>;
}

const PAYLOAD = "/opt/slm-copilot";

/** Creates a tree with everything that `service install` needs. */
export async function createBareTree(): Promise<Tree> {
  const tree = await createTree(PACKAGES);
  await tree.copy(resolve("test/standins"), "/standins");
  await tree.copy(resolve("provisioners"), "/provisioners");
  await tree.copy(resolve("appliances/slm-copilot"), "/appliance");
  await tree.ask(`set -e
    ln -s /standins/systemctl /usr/local/bin/systemctl
    ln -s /standins/systemctl /usr/local/bin/journalctl
    install -d -m 0750 /etc/one-appliance/{,service.d/slm-copilot,lib}
    cd /standins/one-apps/appliances
    install -m 0755 service.sh /etc/one-appliance/service
    install -m 0644 lib/* /etc/one-appliance/lib/
    install -m 0644 /appliance/appliance.sh /etc/one-appliance/service.d/
    cp -r /appliance/lib /appliance/files /etc/one-appliance/service.d/slm-copilot/`);
  return tree;
}

/** Copies the payload into place, as the template's step does. */
export async function deliver(tree: Tree, model = "/standins/model.gguf"): Promise<void> {
  await tree.ask(`set -e
    mkdir -p ${PAYLOAD}/{bin,models,payload}
    install -m 0755 /standins/local-ai ${PAYLOAD}/bin/local-ai
    cp -r /standins/llama-cpp ${PAYLOAD}/payload/
    install -m 0644 ${model} ${PAYLOAD}/models/Devstral-Small-2-24B-Instruct-2512-Q4_K_M.gguf`);
}

/** Undoes an installation, so that the next test can install again. */
export async function uninstall(tree: Tree): Promise<void> {
  await tree.ask(`systemctl stop local-ai; systemctl stop nginx
    rm -rf ${PAYLOAD} /etc/slm-copilot /etc/nginx/slm-copilot /etc/nginx/sites-*/slm-copilot
    rm -rf /etc/one-appliance/{status,config} /var/log/one-appliance /run/slm-copilot /run/standin-systemd`);
}

/** Runs one stage of the service. */
export function runService(tree: Tree, stage: string, context: Context = {}): Promise<TreeEnd> {
  return tree.run(`/etc/one-appliance/service ${stage}`, context);
}

/** Creates an installed appliance before its first boot. */
export async function createAppliance(): Promise<Appliance> {
  const tree = await createBareTree();
  await deliver(tree);
  const installed = await runService(tree, "install");
  if (installed.exitCode !== 0) throw new Error(installed.output);
  const service: Appliance["service"] = (stage, context) => runService(tree, stage, context);
  return {
    tree,
    service,
    async boot(context) {
      let output = "";
      for (const stage of ["configure", "bootstrap"]) {
        const end = await service(stage, context);
        output += end.output;
        if (end.exitCode !== 0) throw new Error(`${stage} ended with ${end.exitCode}\n${output}`);
      }
      return output;
    },
    async reset() {
      await tree.ask(`systemctl stop local-ai; systemctl stop nginx
        rm -rf /etc/slm-copilot /etc/nginx/slm-copilot /etc/nginx/sites-*/slm-copilot /run/slm-copilot
        rm -rf /etc/letsencrypt/live /etc/one-appliance/config /var/log/one-appliance
        echo install_success >/etc/one-appliance/status`);
    },
    async curl(path, args = "", variables = {}) {
      const script = `curl -sk --include --max-time 20 ${args} https://127.0.0.1${path}`;
      const text = await tree.ask(script, variables);
      return { status: Number(/^HTTP\/\S+ (\d+)/.exec(text)?.[1]), text };
    },
    [Symbol.asyncDispose]: () => tree[Symbol.asyncDispose](),
  };
}

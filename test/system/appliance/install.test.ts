/** `service install` with payload, with downloads, and with errors. */
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { createBareTree, deliver, runService, uninstall } from "../../support/appliance.js";
import type { Tree } from "../../support/tree.js";

let tree: Tree;
beforeAll(async () => {
  tree = await createBareTree();
}, 600_000);
afterAll(() => tree[Symbol.asyncDispose]());
beforeEach(() => uninstall(tree));

const MODEL = "Devstral-Small-2-24B-Instruct-2512-Q4_K_M.gguf";
const status = (): Promise<string> => tree.ask("cat /etc/one-appliance/status");

it("installs the payload, tests the model, and leaves nothing running", async () => {
  await deliver(tree);
  const { exitCode, output } = await runService(tree, "install");
  expect(output).toContain("The model answers");
  expect(exitCode).toBe(0);
  expect(await status()).toBe("install_success");
  expect(await tree.ask("getent passwd slm-copilot")).toMatch(/:\/usr\/sbin\/nologin$/);
  await tree.ask(`! systemctl is-active nginx && ! pgrep -f local-ai
    systemctl is-enabled local-ai && ! test -e /opt/slm-copilot/payload
    test -z "$(ls -A /var/lib/slm-copilot /etc/slm-copilot/tls)" && ! test -e /etc/slm-copilot/local-ai.env
    ! test -e /run/slm-copilot-scratch && ! test -e /run/one-appliance-service.pid`);
  // The second time, nothing is done.
  expect((await runService(tree, "install")).output).toContain("already done");
});

it.each([
  ["ends", "standin: crash", "LocalAI keeps ending"],
  ["is never ready", "standin: never-ready", "LocalAI was not ready within 5 s"],
  ["answers with no text", "standin: mute", "Trying the model: the completion has no text"],
])("fails when the model %s", async (_, behaviour, words) => {
  await tree.ask(`printf 'GGUF\\n${behaviour}\\n' >/tmp/model`);
  await deliver(tree, "/tmp/model");
  const variables = { ONEAPP_COPILOT_READY_TIMEOUT: "5" };
  const { exitCode, output } = await runService(tree, "install", variables);
  expect(exitCode).toBe(1);
  expect(output).toContain(`ERROR [!!]: ${words}`);
  expect(await status()).toBe("install_failure");
});

it("fails when the model is not a model", async () => {
  await tree.ask("echo '<html>not found</html>' >/tmp/model");
  await deliver(tree, "/tmp/model");
  const { exitCode, output } = await runService(tree, "install");
  expect(exitCode).toBe(1);
  expect(output).toContain(`${MODEL} is not a GGUF file`);
});

it("fails when the backend is not a backend", async () => {
  await deliver(tree);
  await tree.ask("rm /opt/slm-copilot/payload/llama-cpp/run.sh");
  const { exitCode, output } = await runService(tree, "install");
  expect(exitCode).toBe(1);
  expect(output).toContain("run file not found");
  expect(output).toMatch(/install failed in slm_install_engine, line \d+, with exit code 1/);
});

/**
 * Serves a release and a repository like those of LocalAI and the model's host, on the tree's
 * loopback.
 */
async function serve(modelSum = "$(sha256sum </standins/model.gguf | cut -d' ' -f1)") {
  await tree.ask(`set -e
    rm -rf /srv/www/* && mkdir -p /srv/www/engine /srv/www/model/{raw,resolve}/main && cd /srv/www
    cp /standins/local-ai engine/local-ai-v3.11.0-linux-amd64
    (cd engine && sha256sum local-ai-* >LocalAI-v3.11.0-checksums.txt)
    cp /standins/model.gguf model/resolve/main/${MODEL}
    printf 'version https://git-lfs.github.com/spec/v1\\noid sha256:%s\\nsize 1\\n' "${modelSum}" >model/raw/main/${MODEL}
    mkdir -p /opt/slm-copilot/payload && cp -r /standins/llama-cpp /opt/slm-copilot/payload/
    if ! curl -s -o /dev/null http://127.0.0.1:8099/; then
      python3 -m http.server 8099 --bind 127.0.0.1 --directory /srv/www >/dev/null 2>&1 &
    fi
    until curl -s -o /dev/null http://127.0.0.1:8099/; do sleep 0.05; done`);
  return {
    SLM_ENGINE_URL: "http://127.0.0.1:8099/engine",
    SLM_MODEL_URL: "http://127.0.0.1:8099/model",
  };
}

it("downloads and verifies what is not in the payload", async () => {
  const { exitCode, output } = await runService(tree, "install", await serve());
  expect(output).toContain(`Fetching http://127.0.0.1:8099/model/resolve/main/${MODEL}`);
  expect(output).toContain("The model answers");
  expect(exitCode).toBe(0);
});

it("retains no download with a wrong checksum", async () => {
  const { exitCode, output } = await runService(tree, "install", await serve("0".repeat(64)));
  expect(exitCode).toBe(1);
  expect(output).toContain("is not what its publisher's checksum says");
  expect(await tree.ask("ls /opt/slm-copilot/models")).toBe("");
});

it("lists the variables", async () => {
  const { output } = await runService(tree, "help");
  expect(output).toContain("ONEAPP_COPILOT_PASSWORD");
  expect(output).toContain("ONEAPP_COPILOT_READY_TIMEOUT");
});

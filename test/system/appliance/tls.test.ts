/** The certificate: self-signed, given, or requested; and failures of each. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Appliance, Context } from "../../support/appliance.js";
import { createAppliance } from "../../support/appliance.js";

let appliance: Appliance;
const ask = (script: string): Promise<string> => appliance.tree.ask(script);

beforeAll(async () => {
  appliance = await createAppliance();
  // A small certificate authority, and certificates with various defects.
  await ask(`set -e; mkdir /pki; cd /pki
    ec='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc'
    openssl req -x509 $ec -days 2 -subj /CN=authority -keyout ca.key -out ca.crt
    for name in good other; do
      openssl req $ec -subj /CN=copilot.example -addext subjectAltName=DNS:copilot.example -keyout $name.key -out $name.csr
      openssl x509 -req -in $name.csr -CA ca.crt -CAkey ca.key -days 2 -copy_extensions copy -out $name.crt
    done
    cat good.crt ca.crt >chain.crt
    openssl x509 -req -in good.csr -CA ca.crt -CAkey ca.key -days 0 -out expired.crt
    openssl pkey -in good.key -aes128 -passout pass:secret -out locked.key`);
}, 600_000);
afterAll(() => appliance[Symbol.asyncDispose]());
beforeEach(() => appliance.reset());

/** Returns files of the small authority as context variables. */
async function given(crt: string, key: string, encode = "cat"): Promise<Context> {
  return {
    ONEAPP_COPILOT_TLS_CERT: crt && (await ask(`${encode} </pki/${crt}`)),
    ONEAPP_COPILOT_TLS_KEY: key && (await ask(`${encode} </pki/${key}`)),
  };
}

const served = (): Promise<string> =>
  ask(
    "openssl s_client -connect 127.0.0.1:443 </dev/null 2>/dev/null | openssl x509 -noout -subject -ext subjectAltName",
  );
const report = (): Promise<string> => ask("cat /etc/one-appliance/config");

describe("signed by itself", () => {
  it("contains the machine's present names, and is reused while they are the same", async () => {
    await ask("hostname copilot-7; ip address add 10.9.8.7/24 dev lo");
    await appliance.boot();
    const first = await served();
    expect(first).toContain("CN = SLM-Copilot");
    expect(first).toContain(
      "DNS:localhost, DNS:copilot-7, IP Address:127.0.0.1, IP Address:10.9.8.7",
    );
    const fingerprint = /^sha256 {7}= ([0-9A-F:]{95})$/m.exec(await report())?.[1];
    expect(fingerprint).toBeDefined();
    await appliance.boot();
    expect(await report()).toContain(fingerprint);
    expect(await report()).toContain("certificate  = signed by itself");
    expect(await report()).toContain("endpoint     = https://10.9.8.7");

    await ask("ip address del 10.9.8.7/24 dev lo; ip address add 10.9.8.6/24 dev lo");
    await appliance.boot();
    expect(await served()).toContain("IP Address:10.9.8.6");
    expect(await report()).not.toContain(fingerprint);
    // A client that pins it does not need --insecure.
    await ask(
      "curl -s --fail --cacert /etc/slm-copilot/tls/selfsigned.crt https://10.9.8.6/readyz",
    );
    await ask("ip address del 10.9.8.6/24 dev lo");
  });
});

describe("given", () => {
  it.each([
    ["PEM", "cat"],
    ["base64 of it, as OpenNebula's inputs have it", "base64 -w 0"],
    ["base64 in lines", "base64"],
    ["PEM from Windows", "sed 's/$/\\r/'"],
  ])("as %s, is served with its chain", async (_, encode) => {
    await appliance.boot(await given("chain.crt", "good.key", encode));
    expect(await served()).toContain("CN = copilot.example");
    expect(await report()).toContain("certificate  = the given one");
    await ask(
      "curl -s --fail --cacert /pki/ca.crt --resolve copilot.example:443:127.0.0.1 https://copilot.example/readyz",
    );
  });

  it("is removed when it is no longer given", async () => {
    await appliance.boot(await given("chain.crt", "good.key"));
    await appliance.boot();
    expect(await served()).toContain("CN = SLM-Copilot");
  });

  it.each([
    ["with another's key", "good.crt", "other.key", "is not the key of"],
    ["without a key", "good.crt", "", "given without ONEAPP_COPILOT_TLS_KEY"],
    ["as a key alone", "", "good.key", "given without ONEAPP_COPILOT_TLS_CERT"],
    ["with a locked key", "good.crt", "locked.key", "or one with a passphrase"],
    ["as something else", "good.csr", "good.key", "holds no certificate"],
    ["too late", "expired.crt", "good.key", "has expired"],
  ])("%s, is refused, and the service is up with its own", async (_, crt, key, words) => {
    const context = await given(crt, key);
    const output = await appliance.boot(context);
    expect(output).toMatch(/ERROR \[!!\]: The given certificate is refused: /);
    expect(output).toContain(words);
    expect(output).not.toContain("PRIVATE KEY");
    expect(await served()).toContain("CN = SLM-Copilot");
    expect(await report()).toContain("tls_problem  = The given certificate is refused");
    expect(await ask("cat /etc/motd.d/slm-copilot")).toContain("The given certificate is refused");
  });

  it.each([
    "$(touch /tmp/owned)",
    "'\"; touch /tmp/owned #",
    "-----BEGIN CERTIFICATE-----\n$(id)\n",
  ])("as the hostile %j, is refused", async (value) => {
    await appliance.boot({ ONEAPP_COPILOT_TLS_CERT: value, ONEAPP_COPILOT_TLS_KEY: value });
    expect(await report()).toContain("ONEAPP_COPILOT_TLS_CERT holds no certificate");
    await ask("! test -e /tmp/owned");
  });
});

describe("asked for", () => {
  // Nothing listens there: the real certbot fails at once.
  const unreachable = { ONEAPP_COPILOT_ACME_SERVER: "http://127.0.0.1:9/directory" };

  it("leaves the service running with its own certificate when issuance fails", async () => {
    const output = await appliance.boot({
      ONEAPP_COPILOT_DOMAIN: "copilot.example",
      ONEAPP_COPILOT_ACME_EMAIL: "me@copilot.example",
      ...unreachable,
    });
    expect(output).toContain("There is no certificate from Let's Encrypt for copilot.example");
    expect(await served()).toContain("DNS:copilot.example");
    expect(await report()).toMatch(/^endpoint {5}= https:\/\/copilot\.example$/m);
    expect(await report()).toContain("tls_problem  = There is no certificate");
  });

  it("is served when issued, and from the start at the next boot", async () => {
    // Stands for certbot's success: the real one needs an authority that the internet can reach.
    await ask(`cat >/usr/local/bin/certbot <<'END'
#!/bin/bash
printf '%s\\n' "$@" >/tmp/certbot-arguments
test -e /etc/nginx/sites-enabled/slm-copilot && curl -s -o /dev/null http://127.0.0.1/.well-known/acme-challenge/x || exit 1
mkdir -p /etc/letsencrypt/live/slm-copilot
cp /pki/chain.crt /etc/letsencrypt/live/slm-copilot/fullchain.pem
cp /pki/good.key /etc/letsencrypt/live/slm-copilot/privkey.pem
END
chmod +x /usr/local/bin/certbot`);
    const context = { ONEAPP_COPILOT_DOMAIN: "copilot.example" };
    try {
      await appliance.boot(context);
      expect(await served()).toContain("CN = copilot.example");
      expect(await report()).toContain("certificate  = Let's Encrypt's");
      const used = (await ask("cat /tmp/certbot-arguments")).split("\n");
      expect(used).toContain("--register-unsafely-without-email");
      expect(used).not.toContain("--server");
    } finally {
      await ask("rm /usr/local/bin/certbot");
    }
    const { output } = await appliance.service("configure", context);
    expect(output).not.toContain("The certificate is");
    expect(await ask("readlink /etc/slm-copilot/tls/server.crt")).toContain("letsencrypt");
    // The present certificate is not valid for another name.
    await appliance.boot({ ONEAPP_COPILOT_DOMAIN: "other.example", ...unreachable });
    expect(await served()).toContain("DNS:other.example");
  });

  it.each([
    ["ONEAPP_COPILOT_DOMAIN", "$(touch /tmp/owned).example", "a domain name"],
    ["ONEAPP_COPILOT_DOMAIN", "copilot.example; id", "a domain name"],
    ["ONEAPP_COPILOT_DOMAIN", "-x.example", "a domain name"],
    ["ONEAPP_COPILOT_DOMAIN", "../../etc", "a domain name"],
    ["ONEAPP_COPILOT_DOMAIN", "a.example\nb.example", "a domain name"],
    ["ONEAPP_COPILOT_DOMAIN", "localhost", "a domain name"],
    ["ONEAPP_COPILOT_ACME_EMAIL", "me@x.example --server=http://evil", "a mail address"],
    ["ONEAPP_COPILOT_ACME_EMAIL", "'@x", "a mail address"],
    ["ONEAPP_COPILOT_ACME_SERVER", "file:///etc/passwd", "a web address"],
    ["ONEAPP_COPILOT_ACME_SERVER", "https://x/$(id)", "a web address"],
  ])("with %s=%j, is refused", async (name, value, what) => {
    const { exitCode, output } = await appliance.service("configure", { [name]: value });
    expect(exitCode).toBe(1);
    expect(output).toContain(`${name} is not ${what}`);
    await ask("! test -e /tmp/owned");
  });
});

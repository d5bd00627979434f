/**
 * Creates a root file system whose packages are managed by the real rpm and dnf: Debian's programs,
 * without dpkg's own database, on repositories of small packages that tests create.
 */
import { resolve } from "node:path";
import { createTree } from "./tree.js";
import type { Tree } from "./tree.js";

/** Path with zypper, which the provisioners prefer to dnf where they find it. */
export const ZYPPER_PATH = "/opt/zypper:/usr/sbin:/usr/bin:/sbin:/bin";

/** Packages of Debian; `file` is a program that rpmbuild calls. */
export const PACKAGES = [
  "rpm",
  "dnf",
  "zypper",
  "createrepo-c",
  "file",
  "gpg",
  "gpg-agent",
  "openssh-client",
  "python3-pip",
];

/** Small package for a repository. */
interface RpmPackage {
  readonly name: string;
  readonly version: string;
  /** Names of packages that it requires. */
  readonly requires?: string;
  /** Number of its epoch. */
  readonly epoch?: number;
}

/** Tree with rpm and dnf. */
export interface RpmTree extends Tree {
  /** Adds packages to the repository of a folder, both signed with the key of {@link createRpmTree}. */
  publish(folder: string, ...packages: readonly RpmPackage[]): Promise<void>;
  /** Adds packages without a signature. */
  publishUnsigned(folder: string, ...packages: readonly RpmPackage[]): Promise<void>;
}

/** Path of the public key that signs the packages. */
export const KEY_PATH = "/etc/pki/rpm-gpg/test.asc";

/**
 * Prepares rpm, dnf, zypper where it is installed, and a key. The place of rpm's database and dnf's
 * plugin `local` are Debian's own.
 */
export const PREPARE = `set -e
mkdir -p /etc/rpm /etc/yum.repos.d /etc/dnf/vars /etc/pki/rpm-gpg /var/lib/rpm
printf '%%_dbpath /var/lib/rpm\\n%%_gpg_name test@example.org\\n%%__gpg /usr/bin/gpg\\n' >/etc/rpm/macros
rpm --initdb
echo 8 >/etc/dnf/vars/releasever
if [ -e /etc/dnf/plugins/local.conf ]; then
  sed -i 's/^enabled *=.*/enabled = false/' /etc/dnf/plugins/local.conf
fi
if [ -e /usr/bin/zypper ]; then
  mkdir -p /opt/zypper
  mv /usr/bin/zypper /opt/zypper/
  rm -rf /etc/zypp/repos.d
fi
gpg --batch --quiet --passphrase '' --quick-generate-key 'Test <test@example.org>' rsa2048 sign never
gpg --batch --armor --export test@example.org >${KEY_PATH}
# What remains is a system of rpm's packages only.
rm -f /var/lib/dpkg/status`;

const specOf = ({ name, version, requires, epoch }: RpmPackage): string =>
  [
    `Name: ${name}`,
    `Version: ${version}`,
    "Release: 1",
    ...(epoch === undefined ? [] : [`Epoch: ${epoch}`]),
    `Summary: Package ${name}`,
    "License: MIT",
    "Vendor: Test",
    "BuildArch: noarch",
    ...(requires === undefined ? [] : [`Requires: ${requires}`]),
    "%description",
    "A package for tests.",
    "%install",
    "mkdir -p %{buildroot}/usr/share/test",
    `echo ${version} >%{buildroot}/usr/share/test/${name}`,
    "%files",
    `/usr/share/test/${name}`,
    "",
  ].join("\n");

/** Returns the script that builds the packages into a folder, and creates its repository. */
export function publishScript(
  folder: string,
  packages: readonly RpmPackage[],
  sign: boolean,
): string {
  const build = packages.map(
    (one) => `cat >/tmp/one.spec <<'SPEC'
${specOf(one)}
SPEC
rpmbuild --quiet -bb --nodeps --define "_rpmdir /tmp/built" /tmp/one.spec`,
  );
  return `set -e
rm -rf /tmp/built; mkdir -p /tmp/built ${folder}
${build.join("\n")}
${sign ? "rpmsign --addsign /tmp/built/noarch/*.rpm" : ""}
cp /tmp/built/noarch/*.rpm ${folder}/
createrepo_c --quiet ${folder}
# dnf compares whole seconds, and may otherwise use the list that it has read in the same one.
dnf -q clean expire-cache
cd ${folder}/repodata
gpg --batch --quiet --yes --detach-sign --armor repomd.xml
cp ${KEY_PATH} repomd.xml.key`;
}

/** Creates the tree, with the provisioners in `/provisioners`. */
export async function createRpmTree(): Promise<RpmTree> {
  const tree = await createTree(PACKAGES);
  await tree.ask(PREPARE);
  await tree.copy(resolve("provisioners"), "/provisioners");
  const publish =
    (sign: boolean) =>
    async (folder: string, ...packages: readonly RpmPackage[]): Promise<void> => {
      await tree.ask(publishScript(folder, packages, sign));
    };
  return { ...tree, publish: publish(true), publishUnsigned: publish(false) };
}

/** Returns the content of a `.repo` file with one repository. */
export function repoFile(id: string, baseurl: string): string {
  const lines = [`[${id}]`, `name=${id}`, `baseurl=${baseurl}`, "gpgcheck=1"];
  return `${[...lines, `gpgkey=file://${KEY_PATH}`, "metadata_expire=0"].join("\n")}\n`;
}

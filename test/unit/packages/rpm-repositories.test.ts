/** Repositories of a guest's dnf, yum and zypper. */
import { expect, it } from "vitest";
import { readRpmRepositories } from "../../../src/packages/rpm-repositories.js";

const read = (text: string, os: Record<string, string> = {}) =>
  readRpmRepositories(text.split("\n"), os);
const repo = (text: string): string => text.replaceAll(/^/gm, "vmbuild-repo ");

it("are those that are enabled, with their variables", () => {
  const text = `[baseos]
name=Base
mirrorlist=https://mirrors.example.org/mirrorlist?arch=$basearch&repo=BaseOS-$releasever$rltype
#baseurl=http://dl.example.org/$contentdir
enabled=1
[appstream]
baseurl = file:///mnt/cd
  http://user:secret@dl.example.org/\${contentdir}/$releasever/AppStream/$arch/
[fedora]
metalink=https://mirrors.example.org/metalink?repo=fedora-$releasever
enabled=True
[off]
baseurl=http://dl.example.org/off
enabled=0
[subscription]
baseurl=https://cdn.example.org/rhel
sslclientcert=/etc/pki/entitlement/1.pem
[unknown]
baseurl=http://dl.example.org/$unknown
`;
  const variables = ["basearch=x86_64", "releasever=8", "contentdir=pub/rocky", "rltype="];
  const lines = variables.map((line) => `vmbuild-variable ${line}`).join("\n");
  expect(read(`${repo(text)}\n${lines}`)).toEqual([
    {
      kind: "mirrorlist",
      address: "https://mirrors.example.org/mirrorlist?arch=x86_64&repo=BaseOS-8",
    },
    { kind: "baseurl", address: "http://dl.example.org/pub/rocky/8/AppStream/x86_64/" },
    { kind: "metalink", address: "https://mirrors.example.org/metalink?repo=fedora-8" },
  ]);
});

it("have the version of os-release where no package states it", () => {
  const text = repo("[oss]\nbaseurl=http://dl.example.org/leap/$releasever/oss/\nautorefresh=1");
  expect(read(text, { VERSION_ID: "15.6" })).toEqual([
    { kind: "baseurl", address: "http://dl.example.org/leap/15.6/oss/" },
  ]);
});

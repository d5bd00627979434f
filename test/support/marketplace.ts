/** Provides a marketplace entry as its author writes it, before it is filled in. */

/** Contains comments, quotes and lists of several styles, which must be preserved. */
export const ENTRY = `---
# Development entry; vmbuild marketplace fills in what the image tells.
name: Small Copilot
version: 0.0.0 # the image's
one-apps_version: 6.10.0-3
publisher: Somebody
publisher_email: somebody@example.org
description: |-
  First line, with a colon: here.

  **Second** part, which is rather long and must stay on one line of its own, since it is Markdown in a literal block.
short_description: A small model behind HTTPS
tags:
- llm # first
- 'service'
format: qcow2
creation_time: 0
os-id: Ubuntu
os-release: '24.04'
os-arch: x86_64
hypervisor: KVM
opennebula_version: "6.10, 7.0"

opennebula_template:
  context:
    network: 'YES'
    ssh_public_key: $USER[SSH_PUBLIC_KEY]
    set_hostname: $USER[SET_HOSTNAME]
  cpu: '4'
  vcpu: '4'
  memory: '16384'
  graphics: {listen: 0.0.0.0, type: vnc}
  inputs_order: ONEAPP_COPILOT_PASSWORD,ONEAPP_COPILOT_THREADS
  user_inputs:
    oneapp_copilot_password: 'O|password|The password; made where it is empty||'
    oneapp_copilot_threads: 'O|number|Threads| |0'
logo: small.png

images:
- name: small_os
  # Where the marketplace finds it.
  url: >-
    https://PUBLISH_URL/small.qcow2
  type: OS
  dev_prefix: vd
  driver: qcow2
  size: 1
  checksum:
    md5: 'PLACEHOLDER'
    sha256: 'PLACEHOLDER'
`;

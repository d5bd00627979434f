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

/** Image of a CD, as OpenNebula publishes them: no template, no logo, no system. */
export const ISO_ENTRY = `---
id: '5a1d2b1e-2b6c-4a5e-9d0e-0a8f1d9b3c11'
name: Some Drivers - v0.1
version: 0.1.285
publisher: Somebody
description: A CD with drivers
short_description: A CD
tags:
- cdrom
format: raw
creation_time: 1758005613
hypervisor: ALL
opennebula_version: 6.10, 7.0
images:
- name: drivers
  url: https://x.org/drivers.iso
  type: CDROM
  dev_prefix: hd
  driver: raw
  size: 789645312
  checksum:
    md5: ${"3".repeat(31)}a
    sha256: ${"4".repeat(63)}a
`;

/** Template of a virtual machine, with the disks of other appliances. */
export const VM_TEMPLATE_ENTRY = `---
id: '6b1d2b1e-2b6c-4a5e-9d0e-0a8f1d9b3c12'
name: Small machine
version: '1'
publisher: Somebody
description: A machine
short_description: A machine
tags:
- machine
type: 'VMTEMPLATE'
creation_time: 1635328783
hypervisor: KVM
os-id: none
os-arch: x86_64
opennebula_version: 6.0, 7.4
disks:
- Empty disk
- Some Drivers - v0.1
logo: small.png
opennebula_template:
  context:
    NETWORK: "YES"
    SSH_PUBLIC_KEY: "$USER[SSH_PUBLIC_KEY]"
  cpu: "2"
  memory: "3072"
  features:
    ACPI: 'Yes'
  raw:
    type: 'kvm'
    data: |-
      <features>
        <acpi state='on'/>
      </features>
  sched_requirements: HYPERVISOR!=\\"vcenter\\"
  inputs_order: ""
  user_inputs: {}
images: []
`;

/** Service of several roles. */
export const SERVICE_ENTRY = `---
id: '7c1d2b1e-2b6c-4a5e-9d0e-0a8f1d9b3c13'
name: Service Small
version: 1.27.2-1
publisher: Somebody
description: A service
short_description: A service
tags:
- service
creation_time: 1707792240
os-id: Ubuntu
os-release: "22.04 LTS"
os-arch: x86_64
hypervisor: ALL
type: SERVICE_TEMPLATE
opennebula_version: >-
  7.0, 7.2, 7.4
roles:
  master: Small machine
  worker: Small Worker
logo: small.png
images: []
opennebula_template:
  name: Small
  deployment: straight
  description: ''
  roles:
  - name: master
    cardinality: 1
    vm_template_contents: |
      NIC = [ NAME = "NIC0" ]
  - name: worker
    parents: [master]
    cardinality: 1
  networks:
    Public: "M|network|Public||id:"
  user_inputs:
    ONEAPP_X: "O|boolean|Enable X||NO"
  ready_status_gate: true
`;

/** Describes a virtual machine in the Open Virtualization Format (DMTF DSP0243, version 1.1). */
import type { MachineFacts } from "./format.js";

/** Disk of the machine. Sizes are bytes. */
interface OvfDisk {
  /** Name of the file beside the descriptor. */
  readonly filename: string;
  readonly fileSize: number;
  /** Size of the disk as a guest sees it. */
  readonly capacity: number;
}

const MIB = 2 ** 20;

/** CIM resource types of the virtual hardware (CIM_ResourceAllocationSettingData). */
const TYPES = { processor: 3, memory: 4, network: 10, disk: 17, storage: 20 } as const;

type Hardware = readonly (readonly [key: string, value: string | number])[];

/** Renders an item. The schema requires its elements in alphabetical order. */
function item(elements: Hardware): string {
  const lines = elements
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `        <rasd:${key}>${value}</rasd:${key}>`);
  return ["      <Item>", ...lines, "      </Item>"].join("\n");
}

function hardware({ cpus, memory }: MachineFacts): string {
  const megabytes = Math.ceil(memory / MIB);
  const items: Hardware[] = [
    [
      ["InstanceID", 1],
      ["ResourceType", TYPES.processor],
      ["ElementName", `${cpus} virtual CPU(s)`],
      ["AllocationUnits", "hertz * 10^6"],
      ["VirtualQuantity", cpus],
    ],
    [
      ["InstanceID", 2],
      ["ResourceType", TYPES.memory],
      ["ElementName", `${megabytes} MB of memory`],
      ["AllocationUnits", "byte * 2^20"],
      ["VirtualQuantity", megabytes],
    ],
    // Kernels of all distributions have the drivers of AHCI and of the e1000.
    [
      ["InstanceID", 3],
      ["ResourceType", TYPES.storage],
      ["ResourceSubType", "vmware.sata.ahci"],
      ["ElementName", "SATA Controller 0"],
      ["Address", 0],
    ],
    [
      ["InstanceID", 4],
      ["ResourceType", TYPES.disk],
      ["ElementName", "Hard Disk 1"],
      ["HostResource", "ovf:/disk/vmdisk1"],
      ["Parent", 3],
      ["AddressOnParent", 0],
    ],
    [
      ["InstanceID", 5],
      ["ResourceType", TYPES.network],
      ["ResourceSubType", "E1000"],
      ["ElementName", "Network Adapter 1"],
      ["AutomaticAllocation", "true"],
      ["Connection", "VM Network"],
    ],
  ];
  return items.map(item).join("\n");
}

const NAMESPACES = [
  'xmlns="http://schemas.dmtf.org/ovf/envelope/1"',
  'xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"',
  'xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData"',
  'xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData"',
  'xmlns:vmw="http://www.vmware.com/schema/ovf"',
].join(" ");

/** Format of a stream-optimized VMDK (VMware's Virtual Disk Format). */
const DISK_FORMAT = "http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized";

/**
 * Returns the descriptor of a machine with one disk and one network adapter. Pure. Hardware version
 * 10 is the first with SATA (ESXi 5.5). The operating system is CIM's 101, 64-bit Linux.
 */
export function ovfDescriptor(machine: MachineFacts, disk: OvfDisk): string {
  const { name, version, firmware } = machine;
  const { filename, fileSize, capacity } = disk;
  const efi =
    firmware === "uefi"
      ? '\n      <vmw:Config ovf:required="false" vmw:key="firmware" vmw:value="efi"/>'
      : "";
  return `<?xml version="1.0" encoding="UTF-8"?>
<Envelope ${NAMESPACES}>
  <References>
    <File ovf:id="file1" ovf:href="${filename}" ovf:size="${fileSize}"/>
  </References>
  <DiskSection>
    <Info>Virtual disks</Info>
    <Disk ovf:diskId="vmdisk1" ovf:fileRef="file1" ovf:capacity="${capacity}" ovf:capacityAllocationUnits="byte" ovf:format="${DISK_FORMAT}"/>
  </DiskSection>
  <NetworkSection>
    <Info>Logical networks</Info>
    <Network ovf:name="VM Network">
      <Description>The network of the first adapter</Description>
    </Network>
  </NetworkSection>
  <VirtualSystem ovf:id="${name}">
    <Info>A virtual machine</Info>
    <Name>${name}</Name>
    <OperatingSystemSection ovf:id="101" vmw:osType="otherLinux64Guest">
      <Info>Guest operating system</Info>
      <Description>Linux (64-bit)</Description>
    </OperatingSystemSection>
    <ProductSection>
      <Info>The image</Info>
      <Product>${name}</Product>
      <Version>${version}</Version>
    </ProductSection>
    <VirtualHardwareSection>
      <Info>Virtual hardware</Info>
      <System>
        <vssd:ElementName>Virtual Hardware Family</vssd:ElementName>
        <vssd:InstanceID>0</vssd:InstanceID>
        <vssd:VirtualSystemIdentifier>${name}</vssd:VirtualSystemIdentifier>
        <vssd:VirtualSystemType>vmx-10</vssd:VirtualSystemType>
      </System>
${hardware(machine)}${efi}
    </VirtualHardwareSection>
  </VirtualSystem>
</Envelope>
`;
}

/** Returns the manifest of an OVF package: SHA-256 in hexadecimal by file name. Pure. */
export function ovfManifest(digests: readonly (readonly [name: string, hex: string])[]): string {
  return digests.map(([name, hex]) => `SHA256(${name})= ${hex}\n`).join("");
}

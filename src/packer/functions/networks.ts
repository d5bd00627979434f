/** Functions of networks: CIDR prefixes of IPv4 and IPv6. */
import ipaddr from "ipaddr.js";
import type { Value } from "../model.js";
import { FunctionError, number, text, textOf } from "./function.js";
import type { FunctionTable } from "./function.js";

/** Network as a number: its first address, and the lengths of prefix and address. */
interface Network {
  readonly address: bigint;
  readonly prefix: number;
  /** 32 or 128. */
  readonly bits: number;
}

function parseNetwork(cidr: string): Network {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(cidr);
  const [, address = "", length = ""] = match ?? [];
  if (!match || !ipaddr.isValid(address) || !isComplete(address)) {
    throw new FunctionError(`"${cidr}" is not a network such as 10.0.0.0/8`);
  }
  const bytes = ipaddr.parse(address).toByteArray();
  const bits = bytes.length * 8;
  const prefix = Number(length);
  if (prefix > bits) throw new FunctionError(`"${cidr}" has a prefix longer than ${bits} bits`);
  const host = BigInt(bits - prefix);
  return { address: (toNumber(bytes) >> host) << host, prefix, bits };
}

/** The library also takes short forms of IPv4, which Go does not. */
function isComplete(address: string): boolean {
  return address.includes(":") || /^\d+(?:\.\d+){3}$/.test(address);
}

function toNumber(bytes: readonly number[]): bigint {
  return bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

function addressText(address: bigint, bits: number): string {
  const bytes = Array.from({ length: bits / 8 }, (_, index) =>
    Number((address >> BigInt(bits - 8 * (index + 1))) & 0xffn),
  );
  const parsed = ipaddr.fromByteArray(bytes);
  return parsed instanceof ipaddr.IPv6 ? parsed.toRFC5952String() : parsed.toString();
}

function hostAddress(cidr: string, index: number): string {
  const { address, prefix, bits } = parseNetwork(cidr);
  if (!Number.isInteger(index)) throw new FunctionError("the number of a host is a whole number");
  const size = 1n << BigInt(bits - prefix);
  const offset = index < 0 ? size + BigInt(index) : BigInt(index);
  if (offset < 0n || offset >= size) {
    throw new FunctionError(`the network has ${size} addresses, and no host ${index}`);
  }
  return addressText(address + offset, bits);
}

function netmask(cidr: string): string {
  const { prefix, bits } = parseNetwork(cidr);
  if (bits !== 32) throw new FunctionError("IPv6 networks have no netmask");
  const ones = ((1n << BigInt(prefix)) - 1n) << BigInt(bits - prefix);
  return addressText(ones, bits);
}

function subnet(cidr: string, added: number, index: number): string {
  const { address, prefix, bits } = parseNetwork(cidr);
  const length = prefix + added;
  if (!Number.isInteger(added) || added < 0 || length > bits) {
    throw new FunctionError(`the prefix cannot be extended by ${added} bits`);
  }
  if (!Number.isInteger(index) || index < 0 || BigInt(index) >= 1n << BigInt(added)) {
    throw new FunctionError(`${added} more bits do not give a network ${index}`);
  }
  const first = address + (BigInt(index) << BigInt(bits - length));
  return `${addressText(first, bits)}/${length}`;
}

/** Networks of the given sizes one after the other, each at a multiple of its size. */
function subnets(cidr: string, sizes: readonly number[]): Value {
  const { address, prefix, bits } = parseNetwork(cidr);
  const end = address + (1n << BigInt(bits - prefix));
  let next = address;
  return sizes.map((added) => {
    const length = prefix + added;
    if (!Number.isInteger(added) || added < 1 || length > bits) {
      throw new FunctionError(`the prefix cannot be extended by ${added} bits`);
    }
    const size = 1n << BigInt(bits - length);
    const first = ((next + size - 1n) / size) * size;
    next = first + size;
    if (next > end) throw new FunctionError("the network is too small for all subnets");
    return `${addressText(first, bits)}/${length}`;
  });
}

/** Functions of networks by their names in Packer. */
export const NETWORK_FUNCTIONS: FunctionTable = {
  cidrhost: {
    parameters: [text("prefix"), number("host")],
    call: ([cidr, host]) => hostAddress(textOf(cidr), Number(host)),
  },
  cidrnetmask: { parameters: [text("prefix")], call: ([cidr]) => netmask(textOf(cidr)) },
  cidrsubnet: {
    parameters: [text("prefix"), number("newbits"), number("netnum")],
    call: ([cidr, added, index]) => subnet(textOf(cidr), Number(added), Number(index)),
  },
  cidrsubnets: {
    parameters: [text("prefix")],
    rest: number("newbits"),
    call: ([cidr, ...sizes]) => subnets(textOf(cidr), sizes.map(Number)),
  },
};

/** Describes the network cards of a machine, and returns QEMU's arguments for them. */
import { z } from "zod";

/** Kinds of network. `bridge` connects the guest to a bridge of the host. */
export const NETWORK_KINDS = ["user", "isolated", "bridge"] as const;

/** Models of network cards, the default first. */
export const NETWORK_MODELS = ["virtio-net-pci", "e1000", "e1000e", "rtl8139", "vmxnet3"] as const;

/**
 * MAC address of the network card that the build uses, the same at every start, so that DHCP leases
 * and interface names do not change.
 */
const GUEST_MAC = "52:54:00:76:6d:62";

/** Schema of {@link NetworkCard}. */
export const networkCardSchema = z
  .object({
    kind: z.enum(NETWORK_KINDS),
    model: z.enum(NETWORK_MODELS),
    /** Lower-case hexadecimal with colons. */
    mac: z.string(),
    /** Bridge of the host, for the kind `bridge`. */
    bridge: z.string().optional(),
  })
  .readonly();

/** Network card of a machine. */
export type NetworkCard = z.infer<typeof networkCardSchema>;

/** Part of a machine's shape that describes its networks. */
interface Networks {
  readonly network: "user" | "isolated";
  readonly networks?: readonly NetworkCard[] | undefined;
}

/** Ports and addresses of the build's network. */
interface NetworkFiles {
  readonly sshPort: number;
  readonly guestSshPort?: number;
  readonly forwards?: readonly { readonly host: number; readonly guest: number }[];
  readonly guestAddress?: string;
}

/** Returns the MAC address of the card at a position, where a template gives none. Pure. */
export function defaultMac(index: number): string {
  const last = Number.parseInt(GUEST_MAC.slice(-2), 16) + index;
  return `${GUEST_MAC.slice(0, -2)}${last.toString(16).padStart(2, "0")}`;
}

/** Returns the cards of a machine; one with the defaults where it lists none. */
function cardsOf({ network, networks }: Networks): readonly NetworkCard[] {
  return networks ?? [{ kind: network, model: NETWORK_MODELS[0], mac: defaultMac(0) }];
}

/** Returns the position of the card through which the build reaches the guest. */
export function buildCardIndex(cards: readonly Pick<NetworkCard, "kind">[]): number {
  return cards.findIndex(({ kind }) => kind !== "bridge");
}

/** Returns the MAC address of the card through which the build reaches the guest. */
export function guestMac(shape: Networks): string {
  const cards = cardsOf(shape);
  return cards[buildCardIndex(cards)]?.mac ?? GUEST_MAC;
}

/** Returns whether a machine is connected to a bridge of the host. */
export function usesBridge(shape: Networks): boolean {
  return cardsOf(shape).some(({ kind }) => kind === "bridge");
}

/**
 * PCI slot of the build's network card, the same in every machine; the other cards follow it.
 * Installed systems know their interface by a name with its slot (enp0s16:
 * systemd.net-naming-scheme(7)), and the installer's machine has other devices than those that
 * start the system later.
 */
const NETWORK_SLOT = 0x10;

/** Returns the value of `-netdev` for the network through which the build reaches the guest. */
function buildNetwork({ kind }: NetworkCard, files: NetworkFiles): string {
  const forwards = (files.forwards ?? [])
    .map(({ host, guest }) => `,hostfwd=tcp:127.0.0.1:${host}-:${guest}`)
    .join("");
  const restrict = kind === "isolated" ? "restrict=on," : "";
  // slirp forwards ports to the first address that its DHCP server hands out.
  const start = files.guestAddress === undefined ? "" : `dhcpstart=${files.guestAddress},`;
  return `user,id=net,${restrict}${start}hostfwd=tcp:127.0.0.1:${files.sshPort}-:${files.guestSshPort ?? 22}${forwards}`;
}

/**
 * Returns the value of `-netdev` for a further network. Each has a subnet of its own: a guest with
 * the same address twice would answer on either card.
 */
function furtherNetwork({ kind, bridge }: NetworkCard, id: string, number: number): string {
  if (kind === "bridge") return `bridge,id=${id},br=${bridge ?? ""}`;
  const restrict = kind === "isolated" ? ",restrict=on" : "";
  return `user,id=${id},net=10.0.${2 + number}.0/24,ipv6=off${restrict}`;
}

/** Returns QEMU's arguments for the network cards, in their order in the template. */
export function networkArguments(shape: Networks, files: NetworkFiles): string[] {
  const cards = cardsOf(shape);
  const own = buildCardIndex(cards);
  let others = 0;
  return cards.flatMap((card, index) => {
    const number = index === own ? 0 : ++others;
    const id = number === 0 ? "net" : `vmb-net${number}`;
    const netdev = number === 0 ? buildNetwork(card, files) : furtherNetwork(card, id, number);
    const slot = `0x${(NETWORK_SLOT + number).toString(16)}`;
    // No option ROM: iPXE would only delay the boot from disk.
    const device = `${card.model},netdev=${id},mac=${card.mac},romfile=,addr=${slot}`;
    return ["-netdev", netdev, "-device", device];
  });
}

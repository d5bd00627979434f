/** Lists the graphics cards that a machine can have. */
/** QEMU's device for each graphics card that a template can choose; `none` has no device. */
const DEVICES = { none: undefined, std: "VGA", virtio: "virtio-vga" } as const;

/** Names of the graphics cards, the default first. */
export const DISPLAYS = Object.keys(DEVICES) as [keyof typeof DEVICES, ...(keyof typeof DEVICES)[]];

/** Part of a machine's shape that describes its graphics card. */
interface DisplayShape {
  readonly display?: keyof typeof DEVICES | undefined;
}

/**
 * Returns QEMU's arguments for the screen: the machine's own graphics card, or a standard one where
 * the files ask for a screen.
 */
export function displayArguments(
  { display = "none" }: DisplayShape,
  { hasScreen = false }: { readonly hasScreen?: boolean },
): string[] {
  const device = DEVICES[display] ?? (hasScreen ? DEVICES.std : undefined);
  // VNC without an address listens nowhere; it can be opened while the machine runs.
  return device === undefined ? [] : ["-device", `${device},id=screen`, "-vnc", "none"];
}

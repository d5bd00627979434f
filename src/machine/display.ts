/** Lists the graphics cards that a machine can have. */
import type { Board, Display } from "./architectures/architecture.js";

/** Names of the graphics cards, the default first; `none` has no device. */
export const DISPLAYS = ["none", "std", "virtio"] as const satisfies readonly (Display | "none")[];

/** Part of a machine's shape that describes its graphics card. */
interface DisplayShape {
  readonly display?: (typeof DISPLAYS)[number] | undefined;
}

/**
 * Returns QEMU's arguments for the screen: the machine's own graphics card, or that for installers
 * where the files ask for a screen.
 */
export function displayArguments(
  { displays, defaultDisplay, keyboard }: Board,
  { display = "none" }: DisplayShape,
  { hasScreen = false }: { readonly hasScreen?: boolean },
): string[] {
  const wanted = display === "none" ? (hasScreen ? defaultDisplay : undefined) : display;
  const device = wanted && displays[wanted];
  if (device === undefined) return [];
  // VNC without an address listens nowhere; it can be opened while the machine runs.
  return ["-device", `${device},id=screen`, "-vnc", "none", ...keyboard];
}

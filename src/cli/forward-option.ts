/** Parses `--forward`. */
import { VmbuildError } from "../errors.js";

/** Port of 127.0.0.1 that leads to a port of the guest. */
export interface PortForward {
  readonly host: number;
  readonly guest: number;
}

/**
 * Parses a value of `--forward`.
 * @throws {VmbuildError} USAGE.
 */
export function parseForward(text: string): PortForward {
  const [host = 0, guest = 0] = text.split(":").map(Number);
  const isPort = (port: number): boolean => Number.isInteger(port) && port > 0 && port < 65536;
  if (/^\d+:\d+$/.test(text) && isPort(host) && isPort(guest)) return { host, guest };
  throw new VmbuildError("USAGE", `--forward ${text}: use HOST:GUEST, such as 8443:443`);
}

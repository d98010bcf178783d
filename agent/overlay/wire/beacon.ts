import { constant, hex, isRefusal, layout, u16, u32 } from '#codec';
import { routerIdBytes } from './control.ts';

export interface Beacon {
  /** Where its sender takes TCP links. */
  readonly port: number;
  readonly routerId: string;
}

/** Link-local discovery over UDP. Mycelium 0.7.10; WIRE.md §2. 50 bytes: "mycelium", TCP port, router id. */
export const beaconLayout = layout('beacon', {
  magicMyce: constant(u32, 0x6d796365),
  magicLium: constant(u32, 0x6c69756d),
  port: u16,
  routerId: hex(routerIdBytes),
});

export const beaconBytes = 50;

export const encodeBeacon = (beacon: Beacon): Uint8Array => beaconLayout.encode(beacon);

/** Null for anything else. */
export function decodeBeacon(datagram: Uint8Array): Beacon | null {
  const beacon = beaconLayout.decode(datagram);
  return isRefusal(beacon) || beacon.port === 0 ? null : beacon;
}

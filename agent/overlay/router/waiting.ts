import type { Duration, Instant, Subnet } from '#kernel';
import { after, never } from '#kernel';
import type { DataFrame } from '../wire/data.ts';

export interface WaitingLimits {
  readonly packets: number;
  readonly bytes: number;
  readonly packetsPerSubnet: number;
  readonly bytesPerSubnet: number;
  readonly waitFor: Duration;
}

interface Line {
  readonly frames: { readonly frame: DataFrame; readonly expires: Instant }[];
  bytes: number;
}

/** Packets that wait for a route, in order. Bounded in packets and bytes, for each subnet and in all; new ones are refused. */
export class WaitingPackets {
  readonly #limits: WaitingLimits;
  readonly #lines = new Map<Subnet, Line>();
  #packets = 0;
  #bytes = 0;

  constructor(limits: WaitingLimits) {
    this.#limits = limits;
  }

  get packets(): number {
    return this.#packets;
  }

  get bytes(): number {
    return this.#bytes;
  }

  has(subnet: Subnet): boolean {
    return this.#lines.has(subnet);
  }

  add(subnet: Subnet, frame: DataFrame, now: Instant): boolean {
    const size = frame.bytes.length;
    const line = this.#lines.get(subnet) ?? { frames: [], bytes: 0 };
    if (this.#packets >= this.#limits.packets || this.#bytes + size > this.#limits.bytes) return false;
    if (line.frames.length >= this.#limits.packetsPerSubnet) return false;
    if (line.bytes + size > this.#limits.bytesPerSubnet) return false;
    line.frames.push({ frame, expires: after(now, this.#limits.waitFor) });
    this.#count(line, 1, size);
    this.#lines.set(subnet, line);
    return true;
  }

  /** Everything that waits for the subnet; it waits no longer. */
  take(subnet: Subnet): readonly DataFrame[] {
    const line = this.#lines.get(subnet);
    if (line === undefined) return [];
    this.#lines.delete(subnet);
    this.#count(line, -line.frames.length, -line.bytes);
    return line.frames.map(({ frame }) => frame);
  }

  /** What has waited too long. */
  sweep(now: Instant): readonly DataFrame[] {
    const expired: DataFrame[] = [];
    for (const [subnet, line] of this.#lines) {
      const alive = line.frames.findIndex(({ expires }) => expires > now);
      const gone = line.frames.splice(0, alive === -1 ? line.frames.length : alive);
      for (const { frame } of gone) {
        this.#count(line, -1, -frame.bytes.length);
        expired.push(frame);
      }
      if (line.frames.length === 0) this.#lines.delete(subnet);
    }
    return expired;
  }

  deadline(): Instant {
    let first = never;
    for (const { frames } of this.#lines.values()) {
      const expires = frames[0]?.expires ?? never;
      if (expires < first) first = expires;
    }
    return first;
  }

  #count(line: Line, packets: number, bytes: number): void {
    line.bytes += bytes;
    this.#packets += packets;
    this.#bytes += bytes;
  }
}

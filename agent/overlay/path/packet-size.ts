import type { Instant } from '#kernel';
import { after, instant, minutes } from '#kernel';

/** Data packets may be so long: 65,535 bytes of payload with 32 of sealing (WIRE.md §3.1). */
export const longestBytes = 65_503;
/** What every path is believed to carry, as stock does. */
export const baseBytes = 1400;

const ladder = [baseBytes, 4200, 16_384, longestBytes];
/** RFC 8899 §5.1.2: MAX_PROBES; and PMTU_RAISE_TIMER. */
const mostProbes = 3;
const raiseAfter = minutes(10);
/** Long packets lost in a row while others come through: RFC 8899 §4.3, a black hole. */
const blackHoleAfter = 6;

/**
 * How long a packet the path carries: datagram PLPMTUD (RFC 8899 §5) over a ladder of sizes. Chains of TCP links carry all
 * of them, QUIC links carry them as datagrams or not at all, so the way is searched once and stays found. Probes carry
 * data that waits anyway, one at a time; a lost one says nothing about anything else and its data goes again.
 *
 *   base ──probe acked──> next rung ──…──> complete
 *     ^ └── three lost: not asked again for ten minutes
 *     └──── black hole: six long ones lost in a row, or silence with long ones under way
 */
export class PacketSize {
  #rung = 0;
  #probing = false;
  #probesLost = 0;
  #lostInRow = 0;
  #raiseAt: Instant = instant(0);
  /** What the far side takes. */
  #acceptsBytes = longestBytes;

  get bytes(): number {
    return Math.min(ladder[this.#rung] ?? baseBytes, this.#acceptsBytes);
  }

  set acceptsBytes(bytes: number) {
    this.#acceptsBytes = Math.max(baseBytes, bytes);
  }

  /** The size to probe now, if there is that much to send; 0: none. */
  probeBytes(now: Instant): number {
    const next = ladder[this.#rung + 1];
    if (this.#probing || next === undefined || next > this.#acceptsBytes || now < this.#raiseAt) return 0;
    return next;
  }

  probeSent(): void {
    this.#probing = true;
  }

  probeAcked(bytes: number): void {
    this.#probing = false;
    this.#probesLost = 0;
    const rung = ladder.indexOf(bytes);
    if (rung > this.#rung) this.#rung = rung;
  }

  probeLost(now: Instant): void {
    this.#probing = false;
    if (++this.#probesLost < mostProbes) return;
    this.#probesLost = 0;
    this.#raiseAt = after(now, raiseAfter);
  }

  acked(bytes: number): void {
    if (bytes > baseBytes) this.#lostInRow = 0;
  }

  lost(bytes: number, now: Instant): void {
    if (bytes > baseBytes && ++this.#lostInRow >= blackHoleAfter) this.fall(now);
  }

  /** Back to what every path carries. */
  fall(now: Instant): void {
    if (this.#rung === 0) return;
    this.#rung = 0;
    this.#lostInRow = 0;
    this.#raiseAt = after(now, raiseAfter);
  }

  /** Another way there, or another life of the far side: asked again. */
  changed(): void {
    this.#probing = false;
    this.#probesLost = 0;
    this.#raiseAt = instant(0);
  }
}

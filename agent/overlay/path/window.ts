import type { Instant } from '#kernel';
import { instant, minutes } from '#kernel';

const segmentBytes = 1400;
/** RFC 6817: CURRENT_FILTER and BASE_HISTORY. */
const currentFilter = 4;
const baseHistory = 10;
const historyStep = minutes(1);

/**
 * Bytes that may be under way to one destination, ruled by delay alone: LEDBAT (RFC 6817), measured on round trips and
 * with the slow start of LEDBAT++ (draft-irtf-iccrg-ledbat-plus-plus §4). The paths are chains of TCP links: they do not
 * lose, they queue, so a window that waits for losses fills every buffer on the way before it learns anything. A loss
 * changes nothing here; silence (two probes in a row without an answer) begins anew.
 *
 * Grows only while it is what holds the sender back.
 */
export class Window {
  static readonly startBytes = 12 * segmentBytes;
  static readonly leastBytes = 2 * segmentBytes;
  static readonly mostBytes = 4 * 1024 * 1024;
  /** With less under way nobody asks whether the link has room. */
  static readonly unaskedBytes = 32 * segmentBytes;
  /** Short urgent messages go beyond the window by so much: they need not wait until bulk is acknowledged. */
  static readonly hurriedBytes = 2 * segmentBytes;
  /** The queue that is aimed at. RFC 6817 allows 100 ms; urgent readings pass here too. */
  static readonly targetMs = 25;
  /** … and while short urgent messages do pass here: a fifth of an empty round trip, within these. */
  static readonly hurriedTargetMs = 8;
  static readonly leastTargetMs = 4;

  #bytes: number = Window.startBytes;
  #slowStartBelow: number = Window.mostBytes;
  #usedBytes = 0;
  #isHurried = false;
  readonly #recent: number[] = [];
  readonly #bases: number[] = [];
  #baseAt: Instant = instant(0);

  /** Whether short urgent messages pass here: then less may wait before them. */
  set isHurried(isHurried: boolean) {
    this.#isHurried = isHurried;
  }

  get limitBytes(): number {
    return this.#bytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** One packet always goes when nothing is under way. */
  fits(bytes: number, isHurried = false): boolean {
    const limit = isHurried ? this.#bytes + Window.hurriedBytes : this.#bytes;
    return this.#usedBytes === 0 || this.#usedBytes + bytes <= limit;
  }

  /** It is what holds the sender back. */
  get isLimiting(): boolean {
    return this.#usedBytes * 2 >= this.#bytes;
  }

  take(bytes: number): void {
    this.#usedBytes += bytes;
  }

  /** No longer under way: acked, lost or forgotten. */
  giveBack(bytes: number): void {
    this.#usedBytes -= bytes;
  }

  /** A round trip without the far side's delay: moves the base and the present queue. */
  sample(ms: number, now: Instant): void {
    if (this.#bases.length === 0 || now - this.#baseAt >= historyStep) {
      this.#bases.push(ms);
      this.#baseAt = now;
      if (this.#bases.length > baseHistory) this.#bases.shift();
    } else this.#bases[this.#bases.length - 1] = Math.min(ms, this.#bases.at(-1) ?? ms);
    this.#recent.push(ms);
    if (this.#recent.length > currentFilter) this.#recent.shift();
  }

  /** How long packets wait on the way, as far as is known. */
  get queueMs(): number {
    return this.#recent.length === 0 ? 0 : Math.min(...this.#recent) - Math.min(...this.#bases);
  }

  /** On a short way a queue weighs more beside it; on a long one little ones are noise. */
  get #aim(): number {
    if (!this.#isHurried) return Window.targetMs;
    return Math.max(Window.leastTargetMs, Math.min(Window.hurriedTargetMs, Math.min(...this.#bases) / 5));
  }

  /** Called with the bytes of an ack before they are given back. */
  acked(bytes: number): void {
    const offTarget = Math.max(-1, 1 - this.queueMs / this.#aim);
    if (offTarget < 0.25) this.#slowStartBelow = Math.min(this.#slowStartBelow, this.#bytes);
    if (offTarget > 0 && !this.isLimiting) return;
    const growth =
      offTarget > 0 && this.#bytes < this.#slowStartBelow ? bytes : (offTarget * bytes * segmentBytes) / this.#bytes;
    this.#bytes = Math.min(Window.mostBytes, Math.max(Window.leastBytes, this.#bytes + growth));
  }

  /** Nothing came back twice in a row. */
  silent(): void {
    this.#slowStartBelow = Math.max(this.#bytes / 2, 4 * segmentBytes);
    this.#bytes = Window.leastBytes;
  }

  /** Another way there: its delays are its own. */
  changed(): void {
    this.#bases.length = 0;
    this.#recent.length = 0;
  }
}

/**
 * How long an answer takes. RFC 9002 §5 (RFC 6298 with the far side's own delay taken out and the smallest kept), with
 * a floor against stalls of the far event loop, and a ceiling so that a path that comes back is noticed soon.
 */
export class RoundTrip {
  static readonly initialMs = 500;
  static readonly floorMs = 100;
  static readonly ceilingMs = 4000;

  /** How long the far side may keep an acknowledgement back. */
  readonly #patienceMs: number;
  #samples = 0;
  #smoothed = 0;
  #variation = 0;
  #latest = 0;
  #smallest = Number.POSITIVE_INFINITY;

  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs;
  }

  /** 0 before the first sample. */
  get smoothedMs(): number {
    return this.#smoothed;
  }

  sample(ms: number, delayMs: number): void {
    this.#smallest = Math.min(this.#smallest, ms);
    const taken = ms - delayMs >= this.#smallest ? ms - delayMs : ms;
    this.#latest = Math.max(0.01, taken);
    if (this.#samples++ === 0) {
      this.#smoothed = this.#latest;
      this.#variation = this.#latest / 2;
      return;
    }
    this.#variation += (Math.abs(this.#smoothed - this.#latest) - this.#variation) / 4;
    this.#smoothed += (this.#latest - this.#smoothed) / 8;
  }

  /** Another way there has been found: what was the smallest says nothing about it. */
  changed(): void {
    this.#smallest = Number.POSITIVE_INFINITY;
  }

  /** What is overtaken for this long is lost. RFC 9002 §6.1.2. */
  get overtakenMs(): number {
    return Math.max(1, (9 / 8) * Math.max(this.#smoothed, this.#latest));
  }

  /** How long to wait for any answer after `silences` waits in vain. RFC 9002 §6.2. */
  probeMs(silences: number): number {
    const measured = this.#smoothed + Math.max(4 * this.#variation, 10);
    const once = this.#samples === 0 ? RoundTrip.initialMs : Math.max(RoundTrip.floorMs, measured);
    return Math.min(Math.max(RoundTrip.ceilingMs, once), (once + this.#patienceMs) * 2 ** Math.min(silences, 8));
  }
}

/**
 * How long to wait for an answer before sending again. RFC 6298, with Karn's rule kept by the caller (nothing that was
 * sent twice is a sample), a floor against stalls of the far event loop, and a ceiling so that a route that comes back
 * is noticed soon.
 */
export class RoundTrip {
  static readonly initialMs = 1000;
  static readonly floorMs = 200;
  static readonly ceilingMs = 8000;

  #samples = 0;
  #smoothed = 0;
  #variation = 0;
  #smallest = Number.POSITIVE_INFINITY;
  #latest = 0;
  #timeoutMs = RoundTrip.initialMs;

  /** 0 before the first sample. */
  get smoothedMs(): number {
    return this.#smoothed;
  }

  /** The first sample may hold the search for a route: it does not outlive a second that is far shorter. */
  sample(ms: number): void {
    if (this.#samples === 0 || (this.#samples === 1 && ms < this.#smoothed / 4)) {
      this.#smoothed = Math.max(ms, 0.01);
      this.#variation = ms / 2;
    } else {
      this.#variation += (Math.abs(this.#smoothed - ms) - this.#variation) / 4;
      this.#smoothed += (ms - this.#smoothed) / 8;
    }
    this.#samples++;
    this.#latest = ms;
    this.#smallest = Math.min(this.#smallest, ms);
    this.#timeoutMs = clamp(this.#smoothed + Math.max(10, 4 * this.#variation));
  }

  /** How long to wait after `silences` waits in vain. */
  timeoutMs(silences: number): number {
    return Math.min(RoundTrip.ceilingMs, this.#timeoutMs * 2 ** Math.min(silences, 8));
  }

  /** The path holds a queue already: sending faster would only make it longer. */
  get isQueueing(): boolean {
    return this.#latest > 2 * this.#smallest + 10;
  }
}

const clamp = (ms: number): number => Math.min(RoundTrip.ceilingMs, Math.max(RoundTrip.floorMs, ms));

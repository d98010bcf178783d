import type { Instant } from '#kernel';
import { Rate } from './rate.ts';

export interface GateOptions {
  /** Links that others have opened, in all. */
  readonly total: number;
  readonly perSource: number;
  readonly newPerSecond: number;
  readonly newPerSecondPerSource: number;
  readonly sources: number;
}

export const defaultGateOptions: GateOptions = {
  total: 1024,
  perSource: 64,
  newPerSecond: 100,
  newPerSecondPerSource: 10,
  sources: 4096,
};

/** Who may open another link to us. Bounded: sources without links are forgotten, the oldest first. */
export class Gate {
  readonly #options: GateOptions;
  readonly #sources = new Map<string, { open: number; readonly rate: Rate }>();
  readonly #rate: Rate;
  #open = 0;

  constructor(options: GateOptions, now: Instant) {
    this.#options = options;
    this.#rate = new Rate(options.newPerSecond, options.newPerSecond * 4, now);
  }

  get open(): number {
    return this.#open;
  }

  /** True: come in, and `leave` later. */
  enter(source: string, now: Instant): boolean {
    if (this.#open >= this.#options.total || !this.#rate.take(now)) return false;
    const known = this.#sources.get(source) ?? this.#add(source, now);
    if (known === null || known.open >= this.#options.perSource || !known.rate.take(now)) return false;
    known.open++;
    this.#open++;
    return true;
  }

  leave(source: string): void {
    const known = this.#sources.get(source);
    if (known === undefined) return;
    known.open--;
    this.#open--;
  }

  #add(source: string, now: Instant): { open: number; readonly rate: Rate } | null {
    if (this.#sources.size >= this.#options.sources && !this.#forgetOne(now)) return null;
    const perSecond = this.#options.newPerSecondPerSource;
    const added = { open: 0, rate: new Rate(perSecond, perSecond * 4, now) };
    this.#sources.set(source, added);
    return added;
  }

  #forgetOne(now: Instant): boolean {
    for (const [source, { open, rate }] of this.#sources) {
      if (open > 0 || !rate.isIdle(now)) continue;
      this.#sources.delete(source);
      return true;
    }
    return false;
  }
}

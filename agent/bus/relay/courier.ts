import type { Instant, Machine, PublicKey } from '#kernel';
import { after, milliseconds, minutes, never, seconds, unreachable } from '#kernel';
import type { RelayBody, RelaySaying, Verdict } from './frame.ts';
import { verdicts } from './frame.ts';

/** Deposits that wait for their custody. */
const depositsUnderWay = 4;
export const depositQueue = 64;
/** Letters that are being opened and stored here. A relay sends eight at a time. */
export const lettersAtOnce = 32;
const patience = minutes(1);
const shortestRetry = seconds(10);
const longestRetry = minutes(10);
/** A relay pushes when it sees us; asking is for what that has missed. */
const shortestRound = minutes(5);
const longestRound = minutes(30);

export interface Deposit {
  readonly id: number;
  readonly recipient: PublicKey;
  readonly slot: string;
  readonly envelope: Uint8Array;
}

/** `silent`: no answer, or no way there; it may lie there all the same. */
export type DepositEnd = Verdict | 'silent';

export type CourierEvent =
  | { readonly kind: 'route'; readonly reachable: boolean }
  | { readonly kind: 'deposit'; readonly deposit: Deposit }
  | { readonly kind: 'heard'; readonly saying: RelaySaying }
  /** A letter is done with; `keep`: it is in memory here and may be asked for again. */
  | { readonly kind: 'handled'; readonly place: string; readonly keep: boolean }
  /** Ask for what is there, now. */
  | { readonly kind: 'collect' }
  | { readonly kind: 'timer' };

export type CourierEffect =
  | { readonly kind: 'send'; readonly saying: RelaySaying }
  | { readonly kind: 'ended'; readonly id: number; readonly became: DepositEnd; readonly waitSeconds: number }
  | {
      readonly kind: 'letter';
      readonly place: string;
      readonly depositor: PublicKey;
      readonly envelope: Uint8Array;
    }
  /** Everything that this relay had for us has come; `left`: letters we keep back there. */
  | { readonly kind: 'emptied'; readonly left: number }
  | { readonly kind: 'announced'; readonly of: PublicKey; readonly announcement: Uint8Array }
  | { readonly kind: 'count'; readonly what: 'shed' | 'unwanted' };

export interface CourierOptions {
  /** Letters may be waiting for us there. */
  readonly collects: () => boolean;
  readonly token: () => string;
  /** Uniform in [0, 1), for jitter. */
  readonly fraction: () => number;
}

/**
 * What an agent has going on with one relay: deposits, a few at a time, and the collecting of its own letters: when the
 * relay comes within reach, and then ever more rarely. Nothing is kept that its owner could not make again.
 */
export class Courier implements Machine<CourierEvent, CourierEffect> {
  readonly #options: CourierOptions;
  #queue: Deposit[] = [];
  readonly #underWay = new Map<string, { readonly id: number; readonly until: Instant }>();
  readonly #letters = new Set<string>();
  reachable = false;
  #ref: string | null = null;
  #collectAt: Instant = never;
  #rounds = 0;
  #vain = 0;
  #effects: CourierEffect[] = [];

  constructor(options: CourierOptions) {
    this.#options = options;
  }

  get isFull(): boolean {
    return this.#queue.length >= depositQueue;
  }

  deadline(): Instant {
    let earliest = this.#collectAt;
    for (const { until } of this.#underWay.values()) if (until < earliest) earliest = until;
    return earliest;
  }

  step(event: CourierEvent, now: Instant): readonly CourierEffect[] {
    this.#effects = [];
    this.#handle(event, now);
    this.#dispatch(now);
    return this.#effects;
  }

  #handle(event: CourierEvent, now: Instant): void {
    switch (event.kind) {
      case 'route':
        this.#route(event.reachable, now);
        break;
      case 'deposit':
        if (this.isFull || !this.reachable) this.#end(event.deposit.id, 'silent');
        else this.#queue.push(event.deposit);
        break;
      case 'heard':
        this.#heard(event.saying, now);
        break;
      case 'handled':
        this.#letters.delete(event.place);
        this.#say({ kind: 'taken', says: { place: event.place, keep: event.keep ? 1 : 0 } });
        break;
      case 'collect':
        this.#collect(now);
        break;
      case 'timer':
        this.#timer(now);
        break;
      default:
        unreachable(event);
    }
  }

  #route(reachable: boolean, now: Instant): void {
    const news = reachable !== this.reachable;
    this.reachable = reachable;
    if (!news) return;
    this.#vain = 0;
    this.#rounds = 0;
    if (reachable) this.#collect(now);
    else this.#lost();
  }

  #lost(): void {
    for (const { id } of this.#queue) this.#end(id, 'silent');
    for (const { id } of this.#underWay.values()) this.#end(id, 'silent');
    this.#queue = [];
    this.#underWay.clear();
    this.#ref = null;
    this.#collectAt = never;
  }

  #heard(saying: RelaySaying, now: Instant): void {
    if (saying.kind === 'custody') this.#custody(saying.says);
    else if (saying.kind === 'letter') this.#letter(saying.says);
    else if (saying.kind === 'emptied') this.#emptied(saying.says, now);
    else if (saying.kind === 'announce') this.#effects.push({ kind: 'announced', ...saying.says });
  }

  #custody({ ref, verdict, waitSeconds }: RelayBody<'custody'>): void {
    const waiting = this.#underWay.get(ref);
    if (waiting === undefined) return this.#count('unwanted');
    this.#underWay.delete(ref);
    this.#end(waiting.id, verdicts[verdict] ?? 'not-allowed', waitSeconds);
    return undefined;
  }

  #letter({ place, depositor, envelope }: RelayBody<'letter'>): void {
    if (this.#letters.has(place)) return;
    if (this.#letters.size >= lettersAtOnce) return this.#count('shed');
    this.#letters.add(place);
    this.#effects.push({ kind: 'letter', place, depositor, envelope });
    return undefined;
  }

  #emptied({ ref, left }: RelayBody<'emptied'>, now: Instant): void {
    this.#vain = 0;
    if (ref === this.#ref) {
      this.#ref = null;
      this.#collectAt = this.#later(now, shortestRound, longestRound, this.#rounds++);
    }
    this.#effects.push({ kind: 'emptied', left });
  }

  #collect(now: Instant): void {
    if (!this.reachable || !this.#options.collects()) return;
    this.#ref = this.#options.token();
    this.#say({ kind: 'collect', says: { ref: this.#ref } });
    this.#collectAt = this.#later(now, shortestRetry, longestRetry, this.#vain++);
  }

  #later(now: Instant, shortest: number, longest: number, attempts: number): Instant {
    const wait = Math.min(longest, shortest * 2 ** Math.min(attempts, 16));
    return after(now, milliseconds(wait * (0.75 + this.#options.fraction() / 2)));
  }

  #timer(now: Instant): void {
    for (const [ref, { id, until }] of this.#underWay) {
      if (until > now) continue;
      this.#underWay.delete(ref);
      this.#end(id, 'silent');
    }
    if (this.#collectAt > now) return;
    this.#collectAt = never;
    this.#collect(now);
  }

  #dispatch(now: Instant): void {
    while (this.#underWay.size < depositsUnderWay) {
      const deposit = this.#queue.shift();
      if (deposit === undefined) return;
      const ref = this.#options.token();
      const { id, recipient, slot, envelope } = deposit;
      this.#underWay.set(ref, { id, until: after(now, patience) });
      this.#say({ kind: 'deposit', says: { ref, recipient, slot, envelope } });
    }
  }

  #say(saying: RelaySaying): void {
    this.#effects.push({ kind: 'send', saying });
  }

  #end(id: number, became: DepositEnd, waitSeconds = 0): void {
    this.#effects.push({ kind: 'ended', id, became, waitSeconds });
  }

  #count(what: 'shed' | 'unwanted'): void {
    this.#effects.push({ kind: 'count', what });
  }
}

import type { Duration, Instant, Machine } from '#kernel';
import { after, instant, never, seconds, since, unreachable } from '#kernel';

export interface LinkOptions {
  /** Added to the measured cost: TCP 10 over IPv6, 15 over IPv4. WIRE.md §4. */
  readonly staticCost: number;
  readonly helloEvery: Duration;
  /** A link without an IHU for this long is dead. */
  readonly deadAfter: Duration;
  /** A link on which something was written and nothing came back for this long is asked with an extra Hello … */
  readonly quietAfter: Duration;
  /** … and is dead if it stays silent for this long. */
  readonly silentAfter: Duration;
}

export const defaultLinkOptions: Omit<LinkOptions, 'staticCost'> = {
  helloEvery: seconds(20),
  deadAfter: seconds(43),
  quietAfter: seconds(2.5),
  silentAfter: seconds(5),
};

export type LinkEvent =
  | { readonly kind: 'opened' }
  /** Bytes came, whatever they mean. */
  | { readonly kind: 'heard' }
  /** Bytes were written, other than this machine's own. */
  | { readonly kind: 'wrote' }
  /** There is reason to think that the far side is gone. */
  | { readonly kind: 'doubted' }
  /** It is to be known when the far side has taken all that was written until now. */
  | { readonly kind: 'asked'; readonly question: number }
  | { readonly kind: 'hello-received' }
  | { readonly kind: 'ihu-received' }
  | { readonly kind: 'timer' };

export type LinkEffect =
  | { readonly kind: 'send-hello'; readonly seqno: number }
  | { readonly kind: 'send-ihu'; readonly rxCost: number }
  | { readonly kind: 'cost-changed'; readonly cost: number }
  | { readonly kind: 'taken'; readonly question: number }
  | { readonly kind: 'dead'; readonly why: 'no-ihu' | 'silent' };

const unmeasuredCost = 1000;
const highestCost = 0xfffe;
const none: readonly LinkEffect[] = [];

/**
 * Is the neighbour there, and how far away? WIRE.md §4.
 *
 * - A Hello at once and then every 20 s; each Hello that comes is answered by an IHU at once.
 * - Cost: time from our Hello to its IHU in ms, smoothed 9:1, from 1,000, plus a static cost.
 * - Dead after 43 s without an IHU, and — because half-open and frozen links are common where hypha works — after a few
 *   seconds in which something was written and nothing at all was heard, not even the answer to an extra Hello.
 */
export class LinkMachine implements Machine<LinkEvent, LinkEffect> {
  readonly #options: LinkOptions;
  #smoothed = unmeasuredCost;
  #roundTripMs: number | null = null;
  #seqno = 0;
  #helloAt: Instant = never;
  #helloPending: Instant | null = null;
  #ihuAt: Instant = instant(0);
  #unansweredSince: Instant | null = null;
  #askedAt: Instant | null = null;
  /** Each Hello is answered by one IHU, in order. */
  #unansweredHellos = 0;
  /** How many IHUs are to come until everything before it has been taken. */
  #question: { readonly question: number; hellos: number } | null = null;
  #state: 'connecting' | 'alive' | 'dead' = 'connecting';

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  get cost(): number {
    return Math.min(highestCost, Math.round(this.#smoothed) + this.#options.staticCost);
  }

  get roundTripMs(): number | null {
    return this.#roundTripMs;
  }

  step(event: LinkEvent, now: Instant): readonly LinkEffect[] {
    switch (event.kind) {
      case 'opened':
        this.#state = 'alive';
        this.#ihuAt = now;
        return this.#hello(now);
      case 'heard':
        this.#unansweredSince = null;
        this.#askedAt = null;
        return none;
      case 'wrote':
        this.#unansweredSince ??= now;
        return none;
      case 'doubted':
        return this.#state === 'alive' && this.#askedAt === null ? this.#hello(now) : none;
      case 'asked':
        return this.#state === 'alive' ? this.#ask(event.question, now) : none;
      case 'hello-received':
        return this.#state === 'alive' ? [{ kind: 'send-ihu', rxCost: this.cost }] : none;
      case 'ihu-received':
        return this.#ihu(now);
      case 'timer':
        return this.#state === 'alive' ? this.#timer(now) : none;
      default:
        return unreachable(event);
    }
  }

  deadline(): Instant {
    if (this.#state !== 'alive') return never;
    return instant(Math.min(this.#helloAt, after(this.#ihuAt, this.#options.deadAfter), this.#silenceDeadline()));
  }

  #hello(now: Instant): readonly LinkEffect[] {
    this.#helloAt = after(now, this.#options.helloEvery);
    this.#helloPending ??= now;
    this.#unansweredHellos++;
    this.#unansweredSince ??= now;
    this.#seqno = (this.#seqno + 1) & 0xffff;
    return [{ kind: 'send-hello', seqno: this.#seqno }];
  }

  /** One question at a time: a later one takes the place of an earlier. */
  #ask(question: number, now: Instant): readonly LinkEffect[] {
    const said = this.#hello(now);
    this.#question = { question, hellos: this.#unansweredHellos };
    return said;
  }

  #ihu(now: Instant): readonly LinkEffect[] {
    const answer = this.#answered();
    return answer === null ? this.#measured(now) : [answer, ...this.#measured(now)];
  }

  #answered(): LinkEffect | null {
    if (this.#unansweredHellos > 0) this.#unansweredHellos--;
    if (this.#question === null || --this.#question.hellos > 0) return null;
    const { question } = this.#question;
    this.#question = null;
    return { kind: 'taken', question };
  }

  #measured(now: Instant): readonly LinkEffect[] {
    this.#ihuAt = now;
    if (this.#helloPending === null) return none;
    const measured = since(this.#helloPending, now);
    this.#helloPending = null;
    const before = this.cost;
    this.#roundTripMs = this.#roundTripMs === null ? measured : (this.#roundTripMs * 9 + measured) / 10;
    this.#smoothed = (this.#smoothed * 9 + measured) / 10;
    return this.cost === before ? none : [{ kind: 'cost-changed', cost: this.cost }];
  }

  #timer(now: Instant): readonly LinkEffect[] {
    if (now >= after(this.#ihuAt, this.#options.deadAfter)) return this.#die('no-ihu');
    if (now >= this.#silenceDeadline()) {
      if (this.#askedAt !== null) return this.#die('silent');
      this.#askedAt = now;
      return this.#hello(now);
    }
    return now >= this.#helloAt ? this.#hello(now) : none;
  }

  /** When silence has lasted long enough for the next step. A slow path gets more time. */
  #silenceDeadline(): Instant {
    const slow = 4 * (this.#roundTripMs ?? 0);
    if (this.#askedAt !== null) return instant(this.#askedAt + Math.max(this.#options.silentAfter, slow));
    if (this.#unansweredSince === null) return never;
    return instant(this.#unansweredSince + Math.max(this.#options.quietAfter, slow));
  }

  #die(why: 'no-ihu' | 'silent'): readonly LinkEffect[] {
    this.#state = 'dead';
    return [{ kind: 'dead', why }];
  }
}

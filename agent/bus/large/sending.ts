import type { Duration, Instant, Machine } from '#kernel';
import { after, milliseconds, never, seconds } from '#kernel';
import { type Answer, answerStates, reachLeaves } from './frame.ts';

/**
 * One file on its way out, without clock, disk or overlay.
 *
 *   offering ──take──▶ flowing ──done──▶ over
 *      ▲ ▲ │ wait         │
 *      │ └─┘              │ silence, a new route, `again`
 *      └──────────────────┘
 *
 * - A leaf is asked for only when the house gives a turn; it goes out again only when it is known to be lost, or when the
 *   far end, asked after a silence, has not got it.
 * - Only an answer with the nonce of the present session is heard.
 * - It never gives up by itself: a far end that is away is asked for ever, less and less often.
 */
export type SendingEvent =
  | { readonly kind: 'answer'; readonly nonce: string; readonly frame: Answer }
  /** The house has room for one piece. */
  | { readonly kind: 'turn' }
  /** `false`: the overlay gave it up, or never took it. */
  | { readonly kind: 'sent'; readonly index: number; readonly received: boolean }
  | { readonly kind: 'route'; readonly reachable: boolean }
  | { readonly kind: 'timer' }
  /** Here nobody wants it any more, or its file is not what it was. */
  | { readonly kind: 'end'; readonly outcome: Outcome; readonly why: string };

export type Outcome = 'done' | 'refused' | 'cancelled' | 'failed';

export type SendingEffect =
  | { readonly kind: 'offer'; readonly nonce: string }
  | { readonly kind: 'piece'; readonly nonce: string; readonly index: number }
  | { readonly kind: 'call-off'; readonly nonce: string }
  | { readonly kind: 'progress' }
  | { readonly kind: 'over'; readonly outcome: Outcome; readonly why: string };

export type SendingState = 'offering' | 'flowing' | 'waiting' | 'over';

export interface SendingOptions {
  readonly leaves: number;
  readonly nonce: () => string;
}

/** From the end of the last piece under way; its answer comes right behind it. */
const firstPatience = seconds(5);
const lastPatience = seconds(60);
/** After `wait`: it says so itself when it can go on, and is asked now and then in case that was lost. */
const waitPatience = seconds(30);

export class Sending implements Machine<SendingEvent, SendingEffect> {
  readonly #options: SendingOptions;
  #state: SendingState = 'offering';
  #nonce: string;
  #why = '';
  /** Leaves below are written at the far end. */
  #next = 0;
  #held = new Set<number>();
  /** The next leaf that has not been sent in this session. */
  #unsent = 0;
  /** Leaves that were given up on the way. */
  #lost: number[] = [];
  /** Leaves that the overlay has and has not told the end of, of whatever session: nothing is lost or late yet. */
  readonly #underWay = new Set<number>();
  #patience: Duration = firstPatience;
  #due: Instant;
  #sentPieces = 0;

  constructor(options: SendingOptions, now: Instant) {
    this.#options = options;
    this.#nonce = options.nonce();
    this.#due = now;
  }

  get state(): SendingState {
    return this.#state;
  }

  /** What the far end waits for. */
  get why(): string {
    return this.#why;
  }

  /** Leaves that the far end has, for people. */
  get written(): number {
    return this.#next + this.#held.size;
  }

  get sentPieces(): number {
    return this.#sentPieces;
  }

  /** True when a turn would send something. */
  get wantsTurn(): boolean {
    return this.#state === 'flowing' && this.#candidate() !== null;
  }

  deadline(): Instant {
    return this.#state === 'over' ? never : this.#due;
  }

  step(event: SendingEvent, now: Instant): readonly SendingEffect[] {
    if (this.#state === 'over') return [];
    switch (event.kind) {
      case 'answer':
        return event.nonce === this.#nonce ? this.#answered(event.frame, now) : [];
      case 'turn':
        return this.#turn();
      case 'sent':
        return this.#sent(event, now);
      case 'route':
        return event.reachable && this.#state !== 'flowing' ? this.#ask(now, firstPatience) : [];
      case 'timer':
        return now >= this.#due ? this.#overdue(now) : [];
      case 'end':
        return [{ kind: 'call-off', nonce: this.#nonce }, ...this.#over(event.outcome, event.why)];
    }
  }

  #answered(frame: Answer, now: Instant): readonly SendingEffect[] {
    const state = answerStates[frame.state];
    const why = Buffer.from(frame.why).toString();
    switch (state) {
      case 'take':
        return this.#take(frame, now);
      case 'wait':
        this.#state = 'waiting';
        this.#why = why;
        this.#due = after(now, waitPatience);
        return [{ kind: 'progress' }];
      case 'again':
        return this.#ask(now, firstPatience);
      case 'done':
        this.#next = this.#options.leaves;
        this.#held.clear();
        return this.#over('done', '');
      case 'refused':
        return this.#over('refused', why);
      case 'called-off':
        return this.#over('cancelled', why);
      default:
        return [];
    }
  }

  #take({ next, held }: Answer, now: Instant): readonly SendingEffect[] {
    if (next > this.#options.leaves) return [];
    const resumed = this.#state !== 'flowing';
    const before = this.written;
    this.#state = 'flowing';
    this.#why = '';
    // Within a session an older answer may come after a younger one; the far end never has less.
    if (resumed || next >= this.#next) {
      this.#next = next;
      this.#held = heldAfter(next, held, this.#options.leaves);
    }
    if (resumed) {
      this.#unsent = next;
      this.#lost = [];
    }
    if (resumed || this.written > before) {
      this.#patience = firstPatience;
      this.#due = after(now, this.#patience);
    }
    return [{ kind: 'progress' }];
  }

  #turn(): readonly SendingEffect[] {
    const index = this.#state === 'flowing' ? this.#candidate() : null;
    if (index === null) return [];
    if (this.#lost[0] === index) this.#lost.shift();
    else this.#unsent = index + 1;
    this.#underWay.add(index);
    this.#sentPieces++;
    return [{ kind: 'piece', nonce: this.#nonce, index }];
  }

  #candidate(): number | null {
    while (this.#lost[0] !== undefined && this.#needsNo(this.#lost[0])) this.#lost.shift();
    if (this.#lost[0] !== undefined) return this.#lost[0];
    let index = Math.max(this.#unsent, this.#next);
    while (this.#needsNo(index)) index++;
    return index < this.#options.leaves && index <= this.#next + reachLeaves ? index : null;
  }

  #has(index: number): boolean {
    return index < this.#next || this.#held.has(index);
  }

  #needsNo(index: number): boolean {
    return this.#has(index) || this.#underWay.has(index);
  }

  #sent({ index, received }: Extract<SendingEvent, { kind: 'sent' }>, now: Instant): readonly SendingEffect[] {
    this.#underWay.delete(index);
    if (!received && index < this.#unsent && !this.#has(index)) this.#lost.push(index);
    if (this.#state === 'flowing') this.#due = after(now, this.#patience);
    return [];
  }

  #overdue(now: Instant): readonly SendingEffect[] {
    if (this.#state !== 'flowing' || this.#underWay.size === 0) return this.#ask(now, this.#longer());
    this.#due = after(now, this.#patience);
    return [];
  }

  /** A new session: what is under way of the old one no longer counts, and the far end says what it has. */
  #ask(now: Instant, patience: Duration): readonly SendingEffect[] {
    this.#state = 'offering';
    this.#nonce = this.#options.nonce();
    this.#patience = patience;
    this.#due = after(now, patience);
    return [{ kind: 'offer', nonce: this.#nonce }];
  }

  #longer(): Duration {
    if (this.#state !== 'offering') return firstPatience;
    return milliseconds(Math.min(lastPatience, this.#patience * 2));
  }

  #over(outcome: Outcome, why: string): readonly SendingEffect[] {
    this.#state = 'over';
    return [{ kind: 'over', outcome, why }];
  }
}

function heldAfter(next: number, bits: Uint8Array, leaves: number): Set<number> {
  const held = new Set<number>();
  for (let bit = 0; bit < reachLeaves; bit++) {
    const index = next + 1 + bit;
    if (index < leaves && ((bits[bit >>> 3] ?? 0) & (0x80 >>> (bit & 7))) !== 0) held.add(index);
  }
  return held;
}

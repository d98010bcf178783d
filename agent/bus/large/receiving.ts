import type { Duration, Instant, Machine } from '#kernel';
import { after, hexOf, milliseconds, never, seconds } from '#kernel';
import { type AnswerState, type Piece, reachLeaves } from './frame.ts';
import { leafCount, leafHash, leafLength, proves, type TreeShape } from './tree.ts';

/**
 * One file on its way in, without clock, disk or overlay.
 *
 *   opening ──opened──▶ taking ──all written──▶ landing ──landed──▶ over
 *                        │  ▲                      │
 *              disk full ▼  │ a while later        │ the disk would not
 *                       paused ◀───────────────────┘
 *
 * - No byte is handed on to be written before its leaf has been proven against the root of the offer.
 * - `take` never says of a leaf that it is here unless it has been written here, or was found whole after a restart.
 * - `done` is said only after `landed`: the file is synced, in its place, and remembered.
 * - What it keeps in memory is bounded by `reachLeaves`, whatever comes.
 */
export type ReceivingEvent =
  | { readonly kind: 'offer'; readonly nonce: string }
  /** What an earlier life had written: everything below `next`, and of the rest those of `beyond`. */
  | { readonly kind: 'opened'; readonly next: number; readonly beyond: readonly number[] }
  | { readonly kind: 'piece'; readonly nonce: string; readonly frame: Piece }
  | { readonly kind: 'written'; readonly index: number }
  | { readonly kind: 'not-written'; readonly index: number; readonly why: string }
  | { readonly kind: 'landed' }
  | { readonly kind: 'not-landed'; readonly why: string }
  /** What was written cannot be trusted, and is gone. */
  | { readonly kind: 'spoilt'; readonly why: string }
  | { readonly kind: 'timer' }
  | { readonly kind: 'end'; readonly outcome: 'called-off' | 'cancelled' };

export type ReceivingEffect =
  | { readonly kind: 'answer'; readonly nonce: string; readonly answer: Said }
  | { readonly kind: 'write'; readonly index: number; readonly hash: Uint8Array; readonly bytes: Uint8Array }
  | { readonly kind: 'land' }
  | { readonly kind: 'wrong-piece'; readonly index: number }
  | { readonly kind: 'shed' }
  | { readonly kind: 'progress' }
  | { readonly kind: 'over'; readonly outcome: 'done' | 'called-off' | 'cancelled' | 'refused'; readonly why: string };

export interface Said {
  readonly state: AnswerState;
  readonly next: number;
  readonly held: Uint8Array;
  readonly why: string;
}

export type ReceivingState = 'opening' | 'taking' | 'paused' | 'landing' | 'over';

/** Leaves on their way to the disk: more than any honest sender has under way. */
const underWayLimit = 32;
/** An answer at least for so many leaves written … */
const answerEvery = 8;
/** … and at most so long after a leaf. */
const answerWithin = milliseconds(100);
const pauseFor: Duration = seconds(15);
/** A sender checks what it reads: so many wrong pieces are no accident. */
const wrongLimit = 3;

export class Receiving implements Machine<ReceivingEvent, ReceivingEffect> {
  readonly #shape: TreeShape;
  readonly #root: Uint8Array;
  readonly #leaves: number;
  #state: ReceivingState = 'opening';
  #why = 'looking at what is here already';
  #nonce: string | null = null;
  #next = 0;
  /** Written, beyond `next`. */
  readonly #beyond = new Set<number>();
  /** Handed on to be written. */
  readonly #underWay = new Set<number>();
  #unsaid = 0;
  #wrong = 0;
  #due: Instant = never;

  constructor(shape: TreeShape, root: Uint8Array) {
    this.#shape = shape;
    this.#root = root;
    this.#leaves = leafCount(shape);
  }

  get state(): ReceivingState {
    return this.#state;
  }

  get why(): string {
    return this.#why;
  }

  get written(): number {
    return this.#next + this.#beyond.size;
  }

  deadline(): Instant {
    return this.#state === 'over' ? never : this.#due;
  }

  step(event: ReceivingEvent, now: Instant): readonly ReceivingEffect[] {
    if (this.#state === 'over') return [];
    switch (event.kind) {
      case 'offer':
        this.#nonce = event.nonce;
        return this.#answer();
      case 'opened':
        return this.#opened(event.next, event.beyond);
      case 'piece':
        this.#nonce = event.nonce;
        return this.#piece(event.frame);
      case 'written':
        return this.#written(event.index, now);
      case 'not-written':
        this.#underWay.delete(event.index);
        return this.#pause(event.why, now);
      case 'landed':
        return [...this.#say('done'), ...this.#over('done', '')];
      case 'not-landed':
        return this.#pause(event.why, now);
      case 'spoilt':
        return this.#spoilt(event.why, now);
      case 'timer':
        return now >= this.#due ? this.#timer() : [];
      case 'end':
        return this.#ended(event.outcome);
    }
  }

  #opened(next: number, beyond: readonly number[]): readonly ReceivingEffect[] {
    if (this.#state !== 'opening') return [];
    this.#next = next;
    for (const index of beyond) if (index > next && index <= next + reachLeaves) this.#beyond.add(index);
    return this.#resume();
  }

  #resume(): readonly ReceivingEffect[] {
    this.#state = 'taking';
    this.#why = '';
    this.#due = never;
    return this.#next === this.#leaves && this.#underWay.size === 0 ? this.#land() : this.#answer();
  }

  #piece({ index, proof, bytes }: Piece): readonly ReceivingEffect[] {
    if (this.#state !== 'taking' || index >= this.#leaves || index > this.#next + reachLeaves)
      return [{ kind: 'shed' }];
    if (index < this.#next || this.#beyond.has(index) || this.#underWay.has(index)) return [{ kind: 'shed' }];
    if (this.#underWay.size >= underWayLimit) return [{ kind: 'shed' }];
    const length = leafLength(this.#shape, index);
    const leaf = bytes.subarray(0, length);
    const hash = leafHash(leaf);
    if (leaf.length < length || !proves(this.#shape, this.#root, { index, hash }, proof))
      return this.#wrongPiece(index);
    this.#underWay.add(index);
    return [{ kind: 'write', index, hash, bytes: leaf }];
  }

  #wrongPiece(index: number): readonly ReceivingEffect[] {
    this.#wrong++;
    const wrong = { kind: 'wrong-piece', index } as const;
    if (this.#wrong < wrongLimit) return [wrong];
    const why = `piece ${index} is not of the file that was offered (root ${hexOf(this.#root, 0, 4)}…)`;
    return [wrong, ...this.#say('refused', why), ...this.#over('refused', why)];
  }

  #written(index: number, now: Instant): readonly ReceivingEffect[] {
    if (!this.#underWay.delete(index)) return [];
    this.#beyond.add(index);
    while (this.#beyond.delete(this.#next)) this.#next++;
    this.#unsaid++;
    if (this.#state !== 'taking') return [];
    if (this.#next === this.#leaves) return [{ kind: 'progress' }, ...this.#land()];
    if (this.#unsaid >= answerEvery) return [{ kind: 'progress' }, ...this.#answer()];
    if (this.#due === never) this.#due = after(now, answerWithin);
    return [{ kind: 'progress' }];
  }

  #land(): readonly ReceivingEffect[] {
    this.#state = 'landing';
    this.#why = 'putting it in its place';
    this.#due = never;
    return [...this.#answer(), { kind: 'land' }];
  }

  #pause(why: string, now: Instant): readonly ReceivingEffect[] {
    const first = this.#state !== 'paused';
    this.#state = 'paused';
    this.#why = why;
    this.#due = after(now, pauseFor);
    return first ? [{ kind: 'progress' }, ...this.#answer()] : [];
  }

  /** From the beginning, a while later. */
  #spoilt(why: string, now: Instant): readonly ReceivingEffect[] {
    this.#next = 0;
    this.#beyond.clear();
    this.#underWay.clear();
    return this.#pause(why, now);
  }

  #timer(): readonly ReceivingEffect[] {
    this.#due = never;
    return this.#state === 'paused' ? this.#resume() : this.#answer();
  }

  #ended(outcome: 'called-off' | 'cancelled'): readonly ReceivingEffect[] {
    const over = this.#over(outcome, outcome === 'cancelled' ? 'cancelled there' : 'called off by its sender');
    return outcome === 'cancelled' ? [...this.#say('called-off', 'cancelled there'), ...over] : over;
  }

  #over(outcome: 'done' | 'called-off' | 'cancelled' | 'refused', why: string): readonly ReceivingEffect[] {
    this.#state = 'over';
    return [{ kind: 'over', outcome, why }];
  }

  #answer(): readonly ReceivingEffect[] {
    if (this.#state === 'taking') return this.#say('take');
    return this.#state === 'over' ? [] : this.#say('wait', this.#why);
  }

  #say(state: AnswerState, why = ''): readonly ReceivingEffect[] {
    this.#unsaid = 0;
    if (this.#state === 'taking') this.#due = never;
    if (this.#nonce === null) return [];
    return [{ kind: 'answer', nonce: this.#nonce, answer: { state, next: this.#next, held: this.#heldBits(), why } }];
  }

  #heldBits(): Uint8Array {
    const bits = new Uint8Array(reachLeaves / 8);
    for (const index of this.#beyond) {
      const bit = index - this.#next - 1;
      if (bit >= 0 && bit < reachLeaves) bits[bit >>> 3] = (bits[bit >>> 3] ?? 0) | (0x80 >>> (bit & 7));
    }
    return bits;
  }
}

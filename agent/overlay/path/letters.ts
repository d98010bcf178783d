import type { Address, Instant, Random } from '#kernel';
import { instant, never } from '#kernel';
import type { MessageOptions } from '../message/options.ts';
import { Outbox } from '../message/outbox.ts';
import type { Shared } from '../message/shared.ts';
import type { MessageId, MessageState, OutgoingMessage } from '../types.ts';
import type { Far } from './far.ts';
import type { Fars } from './fars.ts';
import { Letter } from './letter.ts';
import type { PathOptions } from './options.ts';
import { aboutFrame, askFrame, frameType, stateCode } from './wire.ts';

const askAgainMs = 1000;
const longestAskMs = 30_000;

/**
 * Messages of ours on the better path. Each attempt has a tag; the receiver says by tag what has become of it:
 *
 *   queued ──> sent ──> all acked ──ASK──> …
 *     ^          └─────────┴── TAKEN: received · CONFLICT: aborted
 *     ├── REFUSED: later, anew        (held, ever longer)
 *     └── MISSING, or another session: anew
 */
export class Letters {
  readonly outbox: Outbox<Letter>;
  readonly #options: MessageOptions;
  readonly #path: PathOptions;
  readonly #shared: Shared;
  readonly #fars: Fars;
  #tag: number;
  #lookAt: Instant = never;

  constructor(options: MessageOptions, path: PathOptions, shared: Shared, fars: Fars, random: Random) {
    this.#options = options;
    this.#path = path;
    this.#shared = shared;
    this.#fars = fars;
    this.outbox = new Outbox(options, shared.load);
    this.#tag = Buffer.from(random.bytes(4)).readUInt32BE(0);
  }

  add(id: MessageId, message: OutgoingMessage, far: Far, to: Address, now: Instant): Letter {
    const deadlineAt = instant(now + (message.deadlineMs ?? this.#options.deadlineMs));
    const letter = new Letter(id, message, far.key, to, now, deadlineAt);
    this.outbox.add(letter);
    this.#shared.counters.messages_sent++;
    this.#begin(far, letter);
    this.lookBy(deadlineAt);
    return letter;
  }

  lookBy(at: Instant): void {
    if (at < this.#lookAt) this.#lookAt = at;
  }

  deadline(): Instant {
    return this.outbox.count === 0 ? never : this.#lookAt;
  }

  /** What the far side says about an attempt; of one that is over nothing counts. */
  told(far: Far, code: number, tag: number, now: Instant): void {
    const letter = far.letters.get(tag);
    if (letter === undefined) return;
    if (code === stateCode.taken) this.#taken(far, letter, now);
    else if (code === stateCode.conflict) this.finish(letter, 'aborted', now);
    else if (code === stateCode.refused) this.#hold(far, letter, now);
    else if (code === stateCode.missing && letter.areAllAcked) this.#begin(far, letter);
  }

  /** An application at the far side has taken it. False: it is not (or no longer) known here. */
  read(id: MessageId, far: Far, now: Instant): boolean {
    const letter = this.outbox.get(id);
    if (letter === undefined || letter.key !== far.key) return false;
    if (letter.state === 'aborted') return true;
    if (!letter.isFinished) this.finish(letter, 'received', now);
    letter.become('read');
    return true;
  }

  giveUp(letter: Letter, now: Instant): void {
    const far = this.#fars.known(letter.key);
    if (far !== undefined && letter.state !== 'pending') far.controls.push(aboutFrame(frameType.abort, letter.idBytes));
    this.finish(letter, 'aborted', now);
  }

  finish(letter: Letter, state: MessageState, now: Instant): void {
    if (letter.isFinished) return;
    const far = this.#fars.known(letter.key);
    far?.letters.delete(letter.tag);
    far?.held.delete(letter);
    this.outbox.finish(letter, now);
    if (state === 'received') this.#shared.counters.messages_acked++;
    else this.#shared.counters.messages_aborted++;
    letter.close();
    letter.become(state);
  }

  /** All that had begun begins anew, for the far side may know nothing of it. */
  restartAll(far: Far): void {
    for (const letter of [...far.letters.values()]) if (letter.wasSent) this.#begin(far, letter);
  }

  /** All of them, to go on elsewhere. */
  takeAll(far: Far): Letter[] {
    const all = [...far.letters.values()];
    far.letters.clear();
    far.held.clear();
    for (const letter of all) {
      this.outbox.remove(letter);
      letter.isHandedOver = true;
    }
    return all;
  }

  /** Looks after deadlines, holds and questions; calls `stirred` for every far side that has something to send now. */
  tick(now: Instant, stirred: (far: Far) => void): void {
    if (now < this.#lookAt) return;
    this.#lookAt = never;
    for (const letter of [...this.outbox.unfinished()]) {
      const far = this.#fars.known(letter.key);
      if (far === undefined) continue;
      if (this.#look(far, letter, now)) stirred(far);
      if (!letter.isFinished) {
        this.lookBy(instant(Math.min(letter.deadlineAt, letter.heldUntil ?? never, letter.askAt)));
      }
    }
  }

  #look(far: Far, letter: Letter, now: Instant): boolean {
    if (letter.deadlineAt <= now) {
      this.giveUp(letter, now);
      return true;
    }
    if (letter.heldUntil !== null && letter.heldUntil <= now) {
      letter.heldUntil = null;
      far.held.delete(letter);
      far.enqueue(letter);
      return true;
    }
    if (letter.askAt > now) return false;
    letter.askAt = instant(now + Math.min(longestAskMs, askAgainMs * 2 ** Math.min(letter.asked++, 8)));
    if (far.session === null) return false;
    far.controls.push(askFrame(letter.tag, letter.idBytes, letter.isReply));
    return true;
  }

  /** Where one has been taken there may be room for another: many that wait for room do not wait for each other's holds. */
  #taken(far: Far, taken: Letter, now: Instant): void {
    this.finish(taken, 'received', now);
    for (const letter of far.held) {
      far.held.delete(letter);
      const earliest = Math.max(now, letter.refusedAt + this.#path.firstHold);
      letter.heldUntil = instant(Math.min(letter.heldUntil ?? now, earliest));
      this.lookBy(letter.heldUntil);
      return;
    }
  }

  #hold(far: Far, letter: Letter, now: Instant): void {
    const { firstHold, longestHold } = this.#path;
    letter.refusedAt = now;
    letter.heldUntil = instant(now + Math.min(longestHold, firstHold * 2 ** Math.min(letter.refusals++, 16)));
    this.lookBy(letter.heldUntil);
    far.held.delete(letter);
    far.held.add(letter);
    this.#begin(far, letter);
  }

  #begin(far: Far, letter: Letter): void {
    far.letters.delete(letter.tag);
    do this.#tag = (this.#tag + 1) >>> 0;
    while (far.letters.has(this.#tag));
    letter.restart(this.#tag);
    far.letters.set(letter.tag, letter);
    far.enqueue(letter);
  }
}

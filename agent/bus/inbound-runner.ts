import type { Env, PublicKey } from '#kernel';
import { unreachable } from '#kernel';
import type { Overlay } from '#overlay';
import type { Lane, Ring } from '#ring';
import type { Loss } from './arrival.ts';
import type { Budget } from './budget.ts';
import type { Batch } from './frame.ts';
import { Inbound } from './inbound.ts';
import type { InboundCount, InboundEffect, InboundEvent } from './inbound-events.ts';
import type { Lives } from './lives.ts';
import { StreamMemory } from './memory.ts';
import type { CameLetter, Post } from './relay/post-types.ts';
import { sendFrame } from './sending.ts';
import { DeadlineTimer } from './timer.ts';
import type { BusEvent, Delivered, RaisedAlarm } from './types.ts';

export interface InboundHouse {
  readonly env: Env;
  readonly overlay: Overlay;
  readonly ring: Ring;
  readonly topic: Uint8Array;
  readonly budget: Budget;
  readonly token: () => string;
  readonly accepts: (from: PublicKey, topic: string) => boolean;
  readonly deliver: (records: readonly Delivered[]) => void;
  readonly gap: (from: PublicKey, lane: Lane, loss: Loss) => void;
  readonly lives: Lives;
  /** Null: nothing goes or comes by relays. */
  readonly post: Post | null;
  readonly count: (what: InboundCount) => void;
  readonly alarm: (alarm: RaisedAlarm) => void;
  readonly report: (event: BusEvent) => void;
}

const answerDeadlineMs = 30_000;
/** Letters whose relay may still be told. */
const lettersKnown = 128;

/** Carries out what one inbound stream's machine wants. */
export class InboundRunner {
  readonly from: PublicKey;
  readonly lane: Lane;
  readonly #house: InboundHouse;
  readonly #machine: Inbound;
  readonly #timer: DeadlineTimer;
  readonly #events: InboundEvent[] = [];
  readonly #letters = new Map<number, CameLetter>();
  #letterId = 0;
  #running = false;
  #stopped = false;

  constructor(house: InboundHouse, from: PublicKey, lane: Lane) {
    this.#house = house;
    this.from = from;
    this.lane = lane;
    const { env, overlay, ring, budget, token } = house;
    const memory = new StreamMemory(from, lane);
    memory.load((key) => ring.state(key));
    this.#machine = new Inbound({
      self: overlay.publicKey,
      from,
      lane,
      lives: house.lives,
      memory,
      budget,
      accepts: (topic) => house.accepts(from, topic),
      hasStored: (origin, epoch, born) => ring.hasStored(origin, epoch, born),
      append: (entries) => ring.append(entries),
      token,
    });
    this.#timer = new DeadlineTimer(
      env.clock,
      () => this.#machine.deadline(),
      () => this.feed({ kind: 'timer' }),
    );
  }

  stop(): void {
    this.#stopped = true;
    this.#timer.cancel();
  }

  status(): { stored: number; duplicates: number; refused: number; lost: number } {
    const { stored, duplicates, refused, lost } = this.#machine.memory;
    return { stored, duplicates, refused, lost };
  }

  feed(event: InboundEvent): void {
    if (this.#stopped) return;
    this.#events.push(event);
    if (this.#running) return;
    this.#running = true;
    for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) {
      for (const effect of this.#machine.step(next, this.#house.env.clock.now())) this.#carryOut(effect);
    }
    this.#running = false;
    this.#timer.look();
  }

  /** A batch that has come by a relay. */
  letter(frame: Batch, isFirst: boolean, letter: CameLetter): void {
    const id = ++this.#letterId;
    this.#letters.set(id, letter);
    this.feed({ kind: 'letter', letter: { id, frame, isFirst, bytes: letter.frame.length } });
  }

  /** A letter that is kept in memory is heard of again. */
  #letterDone(id: number, isKept: boolean): void {
    this.#letters.get(id)?.done(isKept);
    if (!isKept) this.#letters.delete(id);
    const [oldest] = this.#letters.keys();
    if (this.#letters.size > lettersKnown && oldest !== undefined) this.#letters.delete(oldest);
  }

  /** Letters leave their relays when their receipt lies there: if this node dies before, they come again. */
  #receipt(frame: Uint8Array, ids: readonly number[]): void {
    const last = this.#letters.get(ids.at(-1) ?? this.#letterId);
    const first = last?.relay ?? 0;
    const { from: to, lane } = this;
    this.#house.post?.leave({ to, frame, kind: 'control', slot: `receipt/${lane}`, first }, () => {
      for (const id of ids) this.#letterDone(id, false);
    });
  }

  #carryOut(effect: InboundEffect): void {
    switch (effect.kind) {
      case 'send':
        this.#send(effect.payload);
        break;
      case 'letter':
        this.#letterDone(effect.id, effect.became === 'kept');
        break;
      case 'receipt':
        this.#receipt(effect.payload, effect.ids);
        break;
      case 'deliver':
        this.#house.deliver(effect.records);
        break;
      case 'gap':
        this.#house.gap(this.from, this.lane, effect.loss);
        break;
      case 'count':
        this.#house.count(effect.what);
        break;
      case 'alarm':
        this.#house.alarm({ ...effect.alarm, contact: this.from, lane: this.lane, role: 'receiving' });
        break;
      case 'report':
        this.#house.report(effect.event);
        break;
      default:
        unreachable(effect);
    }
  }

  #send(payload: Uint8Array): void {
    const { overlay, topic } = this.#house;
    const frame = { to: this.from, topic, payload, priority: this.lane, deadlineMs: answerDeadlineMs };
    const sent = sendFrame(overlay, frame, () => this.feed({ kind: 'sent', taken: true }));
    if (sent === 'refused') this.feed({ kind: 'sent', taken: false });
  }
}

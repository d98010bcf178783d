import type { Env } from '#kernel';
import { messageOf, since, unreachable } from '#kernel';
import type { MessageId, Overlay } from '#overlay';
import type { Cursor, GapRecord, MessageRecord, Ring } from '#ring';
import type { Lives } from './lives.ts';
import { Outbound } from './outbound.ts';
import type { OutboundEffect, OutboundEvent } from './outbound-events.ts';
import { hopLimit } from './packer.ts';
import type { Post } from './relay/post-types.ts';
import { sendFrame } from './sending.ts';
import { DeadlineTimer } from './timer.ts';
import type { BusEvent, RaisedAlarm, StreamOptions, StreamStatus } from './types.ts';

type Items = readonly (MessageRecord | GapRecord)[];

export interface OutboundHouse {
  readonly env: Env;
  readonly overlay: Overlay;
  readonly ring: Ring;
  readonly topic: Uint8Array;
  readonly token: () => string;
  readonly lives: Lives;
  /** Null: nothing goes by relays. */
  readonly post: Post | null;
  readonly count: (what: 'far-end-restarted', stream: StreamOptions) => void;
  readonly alarm: (alarm: RaisedAlarm) => void;
  readonly report: (event: BusEvent) => void;
}

/** Carries out what one outbound stream's machine wants: messages, reads and settlements. */
export class OutboundRunner {
  readonly stream: StreamOptions;
  readonly #house: OutboundHouse;
  readonly #cursor: Cursor;
  readonly #machine: Outbound;
  readonly #timer: DeadlineTimer;
  readonly #messages = new Map<number, MessageId>();
  readonly #events: OutboundEvent[] = [];
  #running = false;
  #stopped = false;

  constructor(house: OutboundHouse, stream: StreamOptions) {
    this.stream = stream;
    this.#house = house;
    this.#cursor = stream.cursor;
    const { env, overlay, token } = house;
    this.#machine = new Outbound({
      self: overlay.publicKey,
      to: stream.to,
      lane: stream.lane,
      lives: house.lives,
      rule: stream.rule,
      value: stream.cursor.value,
      mark: house.post === null ? undefined : (house.ring.state(this.#markKey) ?? null),
      nonce: token,
      fraction: () => env.random.fraction(),
    });
    this.#timer = new DeadlineTimer(
      env.clock,
      () => this.#machine.deadline(),
      () => this.feed({ kind: 'timer' }),
    );
  }

  start(): void {
    this.relays();
    this.#look();
    this.durable();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer.cancel();
    for (const id of this.#messages.values()) this.#house.overlay.abort(id);
    this.#messages.clear();
  }

  /** The contact's relays may have come within reach, or gone. */
  relays(): void {
    const { post } = this.#house;
    if (post !== null) this.feed({ kind: 'relays', isReady: post.ready(this.stream.to) });
  }

  get #markKey(): string {
    return `bus/post/${this.stream.to}/${this.stream.lane}`;
  }

  /** New durable records may be there. */
  durable(): void {
    if (this.#cursor.readable) this.feed({ kind: 'readable' });
  }

  /** Events that come while one is handled wait for their turn. */
  feed(event: OutboundEvent): void {
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

  status(): StreamStatus {
    const { to, lane } = this.stream;
    const machine = this.#machine;
    const { state, inFlight, delivered, resent, roundTripMs, lastAckAt, left } = machine;
    const lastAckAgoMs = lastAckAt === null ? null : since(lastAckAt, this.#house.env.clock.now());
    const pending = this.#cursor.account.pending;
    return { to, lane, state, pending, inFlight, delivered, resent, roundTripMs, lastAckAgoMs, left };
  }

  #carryOut(effect: OutboundEffect): void {
    switch (effect.kind) {
      case 'send':
        this.#send(effect.id, effect.payload, effect.deadlineMs);
        break;
      case 'abort':
        this.#abort(effect.id);
        break;
      case 'leave':
        this.#leave(effect);
        break;
      case 'mark':
        // Room or not: without it letters are left twice.
        this.#house.ring.append([{ kind: 'state', key: this.#markKey, value: effect.value }]);
        break;
      case 'look':
        this.#look();
        break;
      case 'read':
        this.#read(effect.maxRecords, effect.maxBytes);
        break;
      case 'rewind':
        this.#cursor.rewind();
        this.durable();
        break;
      case 'settle':
        this.#cursor.settle(effect.to, effect.refused, effect.value);
        break;
      case 'count':
        this.#house.count(effect.what, this.stream);
        break;
      case 'alarm': {
        const { to: contact, lane } = this.stream;
        this.#house.alarm({ ...effect.alarm, contact, lane, role: 'sending' });
        break;
      }
      case 'report':
        this.#house.report(effect.event);
        break;
      default:
        unreachable(effect);
    }
  }

  #leave({ id, payload, slot, turn }: Extract<OutboundEffect, { kind: 'leave' }>): void {
    const what = { to: this.stream.to, frame: payload, kind: 'data', slot, first: turn } as const;
    this.#house.post?.leave(what, ({ relay, waitSeconds }) => this.feed({ kind: 'left', id, relay, waitSeconds }));
  }

  #look(): void {
    this.feed({ kind: 'route', reachable: this.#house.overlay.reachable(this.stream.to) });
  }

  #send(id: number, payload: Uint8Array, deadlineMs: number): void {
    const { overlay, topic } = this.#house;
    const { to, lane: priority } = this.stream;
    const sent = sendFrame(overlay, { to, topic, payload, priority, deadlineMs }, (became) => {
      this.#messages.delete(id);
      this.feed({ kind: 'message', id, became });
    });
    if (sent === 'refused') this.feed({ kind: 'message', id, became: 'refused' });
    else if (sent !== 'ended') this.#messages.set(id, sent);
  }

  #abort(id: number): void {
    const sent = this.#messages.get(id);
    this.#messages.delete(id);
    if (sent !== undefined) this.#house.overlay.abort(sent);
  }

  /** What was born here under another key goes out as born there: so the far end knows it if it came before. */
  #attributed(items: Items): Items {
    const { lives } = this.#house;
    if (!lives.renamed) return items;
    const self = lives.present.key;
    return items.map((item) => {
      if (item.kind === 'gap' || item.provenance !== null) return item;
      const { epoch, sequence } = item;
      const origin = lives.keyOf(epoch);
      if (origin === self) return item;
      return { ...item, provenance: { origin, epoch, sequence, via: self, hopsLeft: hopLimit } };
    });
  }

  #read(maxRecords: number, maxBytes: number): void {
    this.#cursor.read(maxRecords, maxBytes).then(
      (items) => this.feed({ kind: 'items', items: this.#attributed(items), more: this.#cursor.readable }),
      (error: unknown) => {
        if (!this.#stopped) this.#house.env.log.warn('stream-read-refused', { why: messageOf(error) });
        this.feed({ kind: 'items', items: [], more: true });
      },
    );
  }
}

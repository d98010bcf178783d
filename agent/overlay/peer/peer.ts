import {
  type ByteLink,
  type Clock,
  formatPeer,
  type Instant,
  instant,
  type LinkEvents,
  never,
  type PeerEndpoint,
  unreachable,
} from '#kernel';
import { Alarm } from '../alarm.ts';
import type { PeerId } from '../router/types.ts';
import type { PeerStatus } from '../types.ts';
import { type Control, decodeControl, encodeControl } from '../wire/control.ts';
import type { DataFrame } from '../wire/data.ts';
import { Framer } from '../wire/framer.ts';
import { type LinkEffect, type LinkEvent, LinkMachine, type LinkOptions } from './link.ts';
import { Outbox, type OutboxOptions } from './outbox.ts';
import type { Slabs } from './slabs.ts';

/** What a peer tells the node. */
export interface PeerSink {
  up(peer: Peer): void;
  down(peer: Peer, why: string): void;
  costChanged(peer: Peer, cost: number): void;
  /** The far side has taken all that was written before that question. */
  taken(peer: Peer, question: number): void;
  /** One read from the link begins or has ended: what it brings in between belongs together. */
  batch(isBegin: boolean): void;
  /** All that waited has been handed to the network. */
  drained(peer: Peer): void;
  data(peer: Peer, frame: Uint8Array): void;
  control(peer: Peer, packet: Control): void;
  count(what: string): void;
  /** Every packet, before anything is made of it. A control packet that comes in has lost its frame header. */
  seen(peer: Peer, what: 'data-in' | 'control-in' | 'data-out' | 'control-out', bytes: Uint8Array): void;
}

export interface PeerOptions {
  readonly link: LinkOptions;
  readonly outbox: OutboxOptions;
  readonly slabs: Slabs;
  /** Runs something together with what the other links have to say. */
  readonly soon: (run: () => void) => void;
  /** A link over which no packet comes for this long after it opened belongs to no node. */
  readonly firstPacketWithinMs: number;
}

const centiseconds = 10;
const controlCounters: Readonly<Record<Control['kind'], string>> = {
  hello: 'control_hello',
  ihu: 'control_ihu',
  update: 'control_update',
  'route-request': 'control_route_request',
  'seqno-request': 'control_seqno_request',
};
const unicast = 0x8000;
const ihuInterval = 6000;

/**
 * One byte stream to a neighbour: cuts it into packets, keeps it alive, gathers what is to be written. States: opening →
 * open → closed; `down` is told exactly once, and only after `up`.
 */
export class Peer {
  readonly id: PeerId;
  readonly endpoint: PeerEndpoint;
  /** The endpoint as people write it. */
  readonly name: string;
  readonly kind: PeerStatus['kind'];
  readonly events: LinkEvents;
  readonly #clock: Clock;
  readonly #sink: PeerSink;
  readonly #options: PeerOptions;
  readonly #machine: LinkMachine;
  readonly #framer: Framer;
  readonly #alarm: Alarm;
  readonly #onClosed: (cause: Error | null) => void;
  #link: ByteLink | null = null;
  #outbox: Outbox | null = null;
  #openedAt: Instant | null = null;
  #closedAt: Instant | null = null;
  #hasSpoken = false;
  #closed = false;
  #why = 'closed';
  rxBytes = 0;
  txBytes = 0;
  /** What is gathered of the link machine's own: it knows of that, and nothing answers an IHU. */
  #keepAliveBytes = 0;

  constructor(
    id: PeerId,
    endpoint: PeerEndpoint,
    kind: PeerStatus['kind'],
    clock: Clock,
    options: PeerOptions,
    sink: PeerSink,
    onClosed: (cause: Error | null) => void,
  ) {
    this.id = id;
    this.endpoint = endpoint;
    this.name = formatPeer(endpoint);
    this.kind = kind;
    this.#clock = clock;
    this.#options = options;
    this.#sink = sink;
    this.#onClosed = onClosed;
    this.#machine = new LinkMachine(options.link);
    this.#alarm = new Alarm(clock, (now) => this.#tick(now));
    this.#framer = new Framer({
      data: (frame) => this.#data(frame),
      control: (packet) => this.#control(packet),
      skipped: () => sink.count('control_skipped'),
    });
    this.events = {
      opened: () => this.#opened(),
      received: (bytes) => this.#received(bytes),
      drained: () => sink.drained(this),
      keepsNothing: true,
      closed: (cause) => this.#ended(cause),
    };
  }

  /** The link that `events` belongs to; `isOpen` for one that came in. */
  attach(link: ByteLink, isOpen: boolean): void {
    this.#link = link;
    const { outbox, slabs, soon } = this.#options;
    this.#outbox = new Outbox(link, outbox, slabs, soon, (bytes) => {
      this.txBytes += bytes;
      const isMore = bytes > this.#keepAliveBytes;
      this.#keepAliveBytes = 0;
      if (isMore) this.#step({ kind: 'wrote' });
    });
    if (isOpen) this.#opened();
  }

  get cost(): number {
    return this.#machine.cost;
  }

  get isOpen(): boolean {
    return this.#openedAt !== null && !this.#closed;
  }

  /** Bytes have come over it: a real node is at the far end. */
  get hasSpoken(): boolean {
    return this.#hasSpoken;
  }

  /** How long it was open, or is. */
  get stoodForMs(): number {
    if (this.#openedAt === null) return 0;
    return (this.#closedAt ?? this.#clock.now()) - this.#openedAt;
  }

  /** What ended it. */
  get why(): string {
    return this.#why;
  }

  /** Something says that the way may be gone: ask at once. */
  doubt(): void {
    if (this.isOpen) this.#step({ kind: 'doubted' });
  }

  /** `taken` is told when the far side has taken what was written until now; of several questions, the last. */
  ask(question: number): void {
    if (this.isOpen) this.#step({ kind: 'asked', question });
  }

  openForMs(now: Instant): number | null {
    return this.#openedAt === null || this.#closed ? null : now - this.#openedAt;
  }

  /** False: dropped, because too much waits on this link. */
  sendData(frame: DataFrame): boolean {
    if (this.#outbox?.data(frame.bytes) !== true) return false;
    this.#sink.seen(this, 'data-out', frame.bytes);
    return true;
  }

  /** False: this node should send no more messages this way now. */
  get hasRoom(): boolean {
    return this.#outbox?.hasRoom ?? true;
  }

  sendControl(packet: Control): void {
    if (this.#outbox === null || this.#closed) return;
    const frame = encodeControl(packet);
    if (packet.kind === 'hello' || packet.kind === 'ihu') this.#keepAliveBytes += frame.length;
    if (this.#outbox.control(frame)) this.#sink.seen(this, 'control-out', frame);
    else this.close('does-not-read');
  }

  close(why: string): void {
    if (this.#closed) return;
    this.#why = why;
    this.#link?.destroy();
    this.#shut();
  }

  /** Writes what is gathered, then closes. */
  end(): void {
    this.#outbox?.flush();
    this.#why = 'ended';
    this.#link?.end();
    this.#shut();
  }

  status(now: Instant): PeerStatus {
    return {
      endpoint: this.name,
      kind: this.kind,
      state: this.isOpen ? 'alive' : 'connecting',
      linkCost: this.#machine.cost,
      roundTripMs: this.#machine.roundTripMs,
      rxBytes: this.rxBytes,
      txBytes: this.txBytes,
      connectedForMs: this.openForMs(now),
      via: null,
      failures: 0,
      why: null,
    };
  }

  #opened(): void {
    if (this.#closed || this.#openedAt !== null) return;
    this.#openedAt = this.#clock.now();
    this.#step({ kind: 'opened' });
    this.#sink.up(this);
  }

  #received(bytes: Uint8Array): void {
    this.#opened();
    if (this.#closed) return;
    this.rxBytes += bytes.length;
    this.#step({ kind: 'heard' });
    this.#sink.batch(true);
    const broken = this.#framer.push(bytes);
    this.#sink.batch(false);
    if (broken === null) return;
    this.#sink.count('links_broken');
    this.close(broken);
  }

  #data(frame: Uint8Array): void {
    this.#hasSpoken = true;
    if (this.#closed) return;
    this.#sink.seen(this, 'data-in', frame);
    this.#sink.data(this, frame);
  }

  #control(packet: Uint8Array): void {
    this.#hasSpoken = true;
    if (this.#closed) return;
    this.#sink.seen(this, 'control-in', packet);
    const control = decodeControl(packet);
    if (control === 'unknown') this.#sink.count('control_unknown');
    else if (!('kind' in control)) this.#sink.count('control_refused');
    else this.#heard(control);
  }

  #heard(control: Control): void {
    this.#sink.count(controlCounters[control.kind]);
    if (control.kind === 'hello') this.#step({ kind: 'hello-received' });
    else if (control.kind === 'ihu') this.#step({ kind: 'ihu-received' });
    else this.#sink.control(this, control);
  }

  #tick(now: Instant): void {
    const strangerAt = this.#strangerAt();
    if (now >= strangerAt) return this.close('no-packet');
    this.#step({ kind: 'timer' });
  }

  #strangerAt(): Instant {
    if (this.#hasSpoken || this.#openedAt === null) return never;
    return instant(this.#openedAt + this.#options.firstPacketWithinMs);
  }

  #step(event: LinkEvent): void {
    const now = this.#clock.now();
    for (const effect of this.#machine.step(event, now)) this.#apply(effect);
    if (this.#closed) return;
    const strangerAt = this.#strangerAt();
    const deadline = this.#machine.deadline();
    this.#alarm.set(instant(Math.min(strangerAt, deadline)));
  }

  #apply(effect: LinkEffect): void {
    switch (effect.kind) {
      case 'send-hello': {
        const interval = this.#options.link.helloEvery / centiseconds;
        this.sendControl({ kind: 'hello', flags: unicast, seqno: effect.seqno, interval });
        break;
      }
      case 'send-ihu': {
        const rxCost = effect.rxCost;
        this.sendControl({ kind: 'ihu', addressEncoding: 0, rxCost, interval: ihuInterval, address: '' });
        break;
      }
      case 'cost-changed':
        this.#sink.costChanged(this, effect.cost);
        break;
      case 'taken':
        this.#sink.taken(this, effect.question);
        break;
      case 'dead':
        this.#sink.count(`links_dead_${effect.why === 'silent' ? 'silent' : 'no_ihu'}`);
        this.close(effect.why);
        break;
      default:
        unreachable(effect);
    }
  }

  /** Told by the link, once; a link that this side has destroyed is already shut. */
  #ended(cause: Error | null): void {
    if (cause !== null && !this.#closed) this.#why = cause.message;
    this.#shut();
    this.#onClosed(cause);
  }

  #shut(): void {
    if (this.#closed) return;
    const wasOpen = this.#openedAt !== null;
    this.#closed = true;
    this.#closedAt = this.#clock.now();
    this.#alarm.cancel();
    this.#outbox?.close();
    if (wasOpen) this.#sink.down(this, this.#why);
  }
}

import type { Duplex } from 'node:stream';
import { after, BoundedQueue, type Env, type Instant, milliseconds, type Timer } from '#kernel';
import { AedesSide } from './aedes-side.ts';
import type { ClientLink, Held } from './client-link.ts';
import { FrameSplitter } from './frames.ts';
import type { Intake } from './intake.ts';
import type { Counters } from './limits.ts';
import { Output } from './output.ts';
import {
  type Acknowledgement,
  type InboundPublish,
  packetType,
  readPublish,
  reason,
  writeAcknowledgement,
} from './packets.ts';
import type { Recipient } from './recipient.ts';
import type { Session } from './session.ts';
import type { BrokerLimits } from './types.ts';

export interface ConnectionContext {
  readonly env: Env;
  readonly limits: BrokerLimits;
  readonly counters: Counters;
  readonly intake: Intake;
  readonly maxPacketBytes: number;
  /** Asks for `flush` at the end of the tick. */
  readonly wake: (connection: Connection) => void;
  readonly closed: (connection: Connection) => void;
}

const heldOverhead = 200;
const serverDisconnect = 0xe0;

/**
 * One client's network connection. It stands between the socket and aedes and knows packets: PUBLISH and all
 * acknowledgements are ours and never reach aedes; PINGREQ is answered here; CONNECT, SUBSCRIBE, UNSUBSCRIBE and
 * DISCONNECT go to aedes as they are. So a publish that waits for room delays nothing else of its client.
 *
 *   opening → (CONNECT) → connecting, nothing read → (CONNACK) → open → closed
 */
export class Connection implements ClientLink {
  readonly from: string;
  readonly socket: Duplex;
  readonly side: AedesSide;
  readonly output: Output;
  readonly aliases = new Map<number, string>();
  readonly held: BoundedQueue<Held>;
  heldBytes = 0;
  /** Publishes and releases that wait for the sync. */
  waiting = 0;
  version = 4;
  /** Seconds; 0: none. */
  keepAlive = 0;
  cleanStart = true;
  receiveMaximum = 65_535;
  maxSendBytes = Number.POSITIVE_INFINITY;
  recipient: Recipient | null = null;
  session: Session | null = null;
  readonly #context: ConnectionContext;
  readonly #frames: FrameSplitter;
  readonly #incoming = new Set<number>();
  #state: 'opening' | 'connecting' | 'open' | 'closed' = 'opening';
  /** A SUBSCRIBE or UNSUBSCRIBE that aedes has not answered: what comes behind it waits. */
  #subscribing = false;
  /** Publishes were set down: the client is cut when there is room, and sends them again. */
  #setDown = false;
  #reading = false;
  #heardAt: Instant;
  #timer: Timer | null = null;

  constructor(socket: Duplex, from: string, context: ConnectionContext) {
    this.socket = socket;
    this.from = from;
    this.#context = context;
    this.#heardAt = context.env.clock.now();
    this.#frames = new FrameSplitter(context.maxPacketBytes);
    this.held = new BoundedQueue(context.limits.receiveMaximum);
    this.output = new Output(socket, () => context.wake(this));
    this.side = new AedesSide({ wrote: (bytes) => this.#send(bytes), closed: () => this.#end() });
    socket.on('data', (chunk: Buffer) => this.#received(chunk));
    socket.on('drain', () => this.recipient?.drained());
    socket.on('error', () => this.close(null));
    socket.on('end', () => this.close(null));
    socket.on('close', () => this.close(null));
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  /** Inbound QoS 2 packet ids that wait for PUBREL. */
  get incoming(): Set<number> {
    return this.session?.incoming ?? this.#incoming;
  }

  /** CONNACK has gone: reads on. */
  open(): void {
    if (this.#state !== 'connecting') return;
    this.#state = 'open';
    this.#heardAt = this.#context.env.clock.now();
    this.#watch();
    this.#work();
  }

  /** aedes has answered a SUBSCRIBE or UNSUBSCRIBE. */
  subscribed(): void {
    if (!this.#subscribing) return;
    this.#subscribing = false;
    this.#work();
  }

  /** An answer that waited for the sync. */
  answer(type: number, id: number, code: number): void {
    this.waiting--;
    if (type !== 0) this.write(type, id, code);
    if (this.waiting * 2 <= this.#context.limits.receiveMaximum) this.#work();
  }

  write(type: number, id: number, code: number): void {
    if (this.#state !== 'open') return;
    writeAcknowledgement(this.output, type as Acknowledgement, id, code);
    this.#checkAnswers();
  }

  flush(): void {
    this.output.flush();
  }

  /** Offers what is held, in order, until the first that finds no room. */
  offerHeld(): void {
    const { intake } = this.#context;
    while (this.#state === 'open') {
      const held = this.held.peek();
      if (held === undefined || !this.#offer(held)) break;
      this.held.shift();
      this.heldBytes -= held.bytes;
      intake.letGo(this, held);
    }
    if (this.held.count === 0 && this.#setDown) this.close(reason.quotaExceeded);
    else this.#work();
  }

  /** Cuts the connection. MQTT 5 clients are told why when `code` is given. */
  close(code: number | null): void {
    if (this.#state === 'closed') return;
    if (code !== null && this.version === 5 && this.#state === 'open') {
      this.output.push(Uint8Array.of(serverDisconnect, 2, code, 0));
    }
    this.#end();
  }

  #end(): void {
    if (this.#state === 'closed') return;
    this.output.flush();
    this.#state = 'closed';
    this.#timer?.cancel();
    this.#dropHeld();
    this.#context.closed(this);
    this.side.destroy();
    if (!this.socket.destroyed) this.socket.end();
    this.#context.env.clock.soon(() => this.#destroySocket());
  }

  /** What was written has a moment to leave; then the socket goes, whatever the far end does. */
  #destroySocket(): void {
    if (this.socket.destroyed) return;
    if (this.socket.writableFinished || this.socket.writableLength === 0) this.socket.destroy();
    else
      this.#context.env.clock.at(after(this.#context.env.clock.now(), milliseconds(1_000)), () =>
        this.socket.destroy(),
      );
  }

  #dropHeld(): void {
    for (let held = this.held.shift(); held !== undefined; held = this.held.shift()) {
      this.#context.intake.letGo(this, held);
    }
    this.heldBytes = 0;
  }

  #received(chunk: Buffer): void {
    if (this.#state === 'closed') return;
    this.#heardAt = this.#context.env.clock.now();
    this.#frames.push(chunk);
    this.#work();
  }

  /** Takes packets until there is no whole one, or the client must wait. */
  #work(): void {
    if (this.#reading || this.#state === 'closed') return;
    this.#reading = true;
    let more = true;
    while (more && this.#mayRead()) more = this.#next();
    this.#reading = false;
    if (this.#state === ('closed' as string)) return;
    this.recipient?.settle();
    if (this.#mayRead()) this.socket.resume();
    else this.socket.pause();
  }

  #mayRead(): boolean {
    if (this.#state === 'opening') return true;
    const { limits, intake } = this.#context;
    if (this.#state !== 'open' || this.#subscribing || this.waiting >= limits.receiveMaximum * 2) return false;
    // A disk that is merely busy is waited for; without room the client is read on, for all but its publishes.
    return this.heldBytes * 4 < limits.heldBytes || !intake.isBusy;
  }

  #next(): boolean {
    const found = this.#frames.next();
    if (found === 'more') return false;
    if (found === 'packet') this.#take(this.#frames.first >> 4);
    else {
      this.#context.counters.count(found);
      this.close(found === 'malformed' ? reason.malformedPacket : reason.packetTooLarge);
    }
    return true;
  }

  #take(type: number): void {
    const { first, packet, start, end } = this.#frames;
    if (this.#state === 'opening') {
      if (type !== packetType.connect) this.#malformed(null);
      else {
        this.#state = 'connecting';
        this.#pass();
      }
    } else if (type === packetType.publish)
      this.#publish(readPublish(first, packet, start, end, this.version, this.aliases));
    else if (type >= packetType.puback && type <= packetType.pubcomp) this.#acknowledgement(type, packet, start, end);
    else if (type === packetType.pingreq) {
      this.output.push(Uint8Array.of(0xd0, 0));
      this.#checkAnswers();
    } else {
      if (type === packetType.subscribe || type === packetType.unsubscribe) this.#subscribing = true;
      this.#pass();
    }
  }

  #publish(publish: InboundPublish | number): void {
    if (typeof publish === 'number') this.#malformed(publish);
    else if (this.held.count > 0) this.#holdPublish(publish);
    else if (this.#context.intake.publish(this, publish) === 'no-room') this.#holdPublish(publish);
  }

  #holdPublish(publish: InboundPublish): void {
    const body = Uint8Array.from(publish.body);
    const bytes = heldOverhead + body.length + publish.topic.length;
    this.#hold({ bytes, publish: { ...publish, body }, id: 0 });
  }

  /** Beyond the bound a publish is set down: no answer, and the client is cut once there is room. */
  #hold(held: Held): void {
    if (!this.#setDown && this.#context.intake.hold(this, held)) {
      this.held.push(held);
      this.heldBytes += held.bytes;
      return;
    }
    this.#context.counters.count('set-down');
    if (held.publish?.qos === 0) return;
    this.#setDown = true;
  }

  /** False: no room yet. */
  #offer(held: Held): boolean {
    const { intake } = this.#context;
    const taken = held.publish === null ? intake.release(this, held.id) : intake.publish(this, held.publish);
    return taken === 'taken';
  }

  #acknowledgement(type: number, packet: Buffer, start: number, end: number): void {
    if (end - start < 2) return this.#malformed(reason.malformedPacket);
    const id = packet.readUInt16BE(start);
    const code = this.version === 5 && end - start > 2 ? (packet[start + 2] ?? 0) : 0;
    if (type !== packetType.pubrel) this.recipient?.acknowledged(type, id, code);
    else if (this.#context.intake.release(this, id) === 'no-room') {
      this.#hold({ bytes: heldOverhead, publish: null, id });
    }
  }

  #malformed(code: number | null): void {
    this.#context.counters.count('malformed');
    this.close(code);
  }

  /** Hands the packet to aedes. */
  #pass(): void {
    const { packet, at, end } = this.#frames;
    this.side.push(Buffer.from(packet.subarray(at, end)));
  }

  #send(bytes: Uint8Array): void {
    if (this.#state === 'closed') return;
    this.output.push(bytes);
    this.#checkAnswers();
  }

  /** Answers to a client that reads none of them are bounded too. */
  #checkAnswers(): void {
    if (this.output.backlog <= this.#context.limits.answerBytes) return;
    this.#context.counters.count('unread');
    this.#end();
    this.socket.destroy();
  }

  /** Keep-alive × 1.5 (MQTT 5 §3.1.2.10), not counted while we ourselves don't read. */
  #watch(): void {
    if (this.keepAlive === 0 || this.#state === 'closed') return;
    const { clock } = this.#context.env;
    const limit = milliseconds(this.keepAlive * 1_500);
    const now = clock.now();
    if (!this.#mayRead()) this.#heardAt = now;
    else if (this.socket.isPaused()) this.#work();
    if (now - this.#heardAt >= limit) {
      this.#context.counters.count('silent');
      this.close(reason.keepAliveTimeout);
      return;
    }
    this.#timer = clock.at(after(this.#heardAt, limit), () => this.#watch());
  }
}

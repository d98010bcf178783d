import { createConnection, type Socket } from 'node:net';
import { connack } from './connack.ts';
import {
  ackBytes,
  type ConnectFields,
  connectPacket,
  disconnectPacket,
  packetType,
  pingPacket,
  writeAck,
} from './packets.ts';
import { PacketSplitter } from './splitter.ts';

export interface ConnectionOptions extends ConnectFields {
  readonly port: number;
  /** A Unix socket instead of the port. */
  readonly path?: string;
}

export interface ConnectionEvents {
  connected(sessionPresent: boolean, receiveMaximum: number): void;
  packet(first: number, bytes: Buffer, start: number, end: number): void;
  /** The write queue has emptied. */
  drained(): void;
  disconnected(): void;
}

const writeBytes = 65_536;
const backlogBytes = 1_048_576;
const redialAfterMs = 25;
const connackWithinMs = 4_000;

/**
 * A client's connection that comes back for ever: what is written in one tick leaves in one write. While it is down,
 * nothing is queued: the owner resends on `connected`.
 */
export class Connection {
  readonly options: ConnectionOptions;
  readonly #events: ConnectionEvents;
  readonly #splitter: PacketSplitter;
  readonly #spare: Buffer[] = [];
  #socket: Socket | null = null;
  #out: Buffer = Buffer.allocUnsafe(writeBytes);
  #outBytes = 0;
  #flushPlanned = false;
  #stopped = true;
  #heardAtMs = 0;
  #pingedAtMs = 0;
  #pulse: NodeJS.Timeout | null = null;
  #port: number;
  connected = false;

  constructor(options: ConnectionOptions, events: ConnectionEvents) {
    this.options = options;
    this.#port = options.port;
    this.#events = events;
    this.#splitter = new PacketSplitter((first, bytes, start, end) => this.#packet(first, bytes, start, end));
  }

  start(): void {
    this.#stopped = false;
    this.#pulse = setInterval(() => this.#watch(), 500);
    this.#dial();
  }

  /** DISCONNECT and no more dialling. Resolves when the socket is gone. */
  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#pulse !== null) clearInterval(this.#pulse);
    const socket = this.#socket;
    if (socket === null || socket.destroyed) return;
    const closed = new Promise((resolve) => socket.once('close', resolve));
    if (this.connected) this.write(disconnectPacket);
    this.#flush();
    socket.end();
    setTimeout(() => socket.destroy(), 500).unref();
    await closed;
  }

  /** Drops the connection without a DISCONNECT; it comes back by itself. */
  drop(): void {
    this.#socket?.destroy();
  }

  /** Where to dial from now on: an agent that came back may have another port. */
  moveTo(port: number): void {
    this.#port = port;
    if (!this.connected) this.drop();
  }

  /** False while more is queued than the network takes. */
  get writable(): boolean {
    return this.connected && (this.#socket?.writableLength ?? 0) < backlogBytes;
  }

  /** Room for `bytes` in this tick's write; the caller fills `bytes` of `out` from the returned place. */
  reserve(bytes: number): number {
    if (this.#outBytes + bytes > this.#out.length) this.#flush();
    if (bytes > this.#out.length) this.#out = Buffer.allocUnsafe(bytes);
    const at = this.#outBytes;
    this.#outBytes += bytes;
    if (!this.#flushPlanned) {
      this.#flushPlanned = true;
      setImmediate(() => this.#flush());
    }
    return at;
  }

  get out(): Buffer {
    return this.#out;
  }

  write(packet: Buffer): void {
    const at = this.reserve(packet.length);
    this.#out.set(packet, at);
  }

  ack(type: number, packetId: number): void {
    const at = this.reserve(ackBytes);
    writeAck(this.#out, at, type, packetId);
  }

  #flush(): void {
    this.#flushPlanned = false;
    if (this.#outBytes === 0) return;
    const full = this.#out;
    const bytes = full.subarray(0, this.#outBytes);
    this.#outBytes = 0;
    if (this.#socket === null || this.#socket.destroyed) return;
    this.#out = this.#spare.pop() ?? Buffer.allocUnsafe(writeBytes);
    this.#socket.write(bytes, () => {
      if (full.length === writeBytes && this.#spare.length < 16) this.#spare.push(full);
    });
  }

  #dial(): void {
    if (this.#stopped) return;
    const { path } = this.options;
    const socket = createConnection(
      path === undefined ? { port: this.#port, host: '127.0.0.1', noDelay: true } : { path },
    );
    this.#socket = socket;
    this.#heardAtMs = performance.now();
    socket.on('connect', () => this.write(connectPacket(this.options)));
    socket.on('data', (chunk: Buffer) => this.#received(chunk));
    socket.on('drain', () => this.#events.drained());
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#closed(socket));
  }

  #received(chunk: Buffer): void {
    this.#heardAtMs = performance.now();
    this.#splitter.push(chunk);
  }

  #closed(socket: Socket): void {
    if (socket !== this.#socket) return;
    const was = this.connected;
    this.connected = false;
    this.#outBytes = 0;
    this.#splitter.reset();
    if (was) this.#events.disconnected();
    if (!this.#stopped) setTimeout(() => this.#dial(), redialAfterMs);
  }

  #packet(first: number, bytes: Buffer, start: number, end: number): void {
    if ((first & 0xf0) !== packetType.connack) {
      this.#events.packet(first, bytes, start, end);
      return;
    }
    const answer = connack(bytes, start, end, this.options.version);
    if (answer.code !== 0) {
      this.#socket?.destroy();
      return;
    }
    this.connected = true;
    this.#pingedAtMs = performance.now();
    this.#events.connected(answer.sessionPresent, answer.receiveMaximum);
  }

  /** Keep-alive, and an end to connections that nobody answers (a frozen or half-open peer). */
  #watch(): void {
    const now = performance.now();
    const keepAliveMs = this.options.keepAliveSeconds * 1000;
    const limitMs = this.connected ? keepAliveMs * 1.5 : connackWithinMs;
    if (limitMs > 0 && now - this.#heardAtMs > limitMs) this.#socket?.destroy();
    else if (this.connected && keepAliveMs > 0 && now - this.#pingedAtMs > keepAliveMs / 2) {
      this.#pingedAtMs = now;
      this.write(pingPacket);
    }
  }
}

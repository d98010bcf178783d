import type { Env, PublicKey } from '#kernel';
import { hexOf, isAgentError, messageOf, unreachable } from '#kernel';
import type { Overlay } from '#overlay';
import { sendFrame } from '../sending.ts';
import { DeadlineTimer } from '../timer.ts';
import type { OutRecord } from './book.ts';
import {
  type Answer,
  bulk,
  type FilesCourse,
  filesFrame,
  filesHead,
  filesHeadBytes,
  filesKinds,
  leafBytes,
  offerLayout,
  pieceLayout,
} from './frame.ts';
import type { Frames } from './frames.ts';
import type { Pace } from './pace.ts';
import { Progress } from './progress.ts';
import { type Outcome, Sending, type SendingEffect, type SendingEvent } from './sending.ts';
import { Source } from './source.ts';
import { hashBytes, leafCount, leafLength, proofCount, type TreeShape } from './tree.ts';
import type { FilesCounters, FilesEvent, Transfer } from './types.ts';

export interface OutHouse {
  readonly env: Env;
  readonly overlay: Overlay;
  readonly topic: Uint8Array;
  readonly directory: string;
  readonly nonce: () => string;
  readonly counters: FilesCounters;
  readonly pace: (to: PublicKey) => Pace;
  readonly frames: Frames;
  /** Something may be ready to go there. */
  readonly pump: (to: PublicKey) => void;
  /** The overlay takes nothing for the moment. */
  readonly hold: (to: PublicKey) => void;
  readonly keep: (record: OutRecord) => Promise<void>;
  readonly event: (event: FilesEvent) => void;
  readonly over: (outgoing: Outgoing) => void;
}

const controlDeadlineMs = 30_000;
/** A piece may stand behind much else on a thin link. */
const pieceDeadlineMs = 300_000;
const pieceHeadBytes = filesHeadBytes + 6;
/** With the longest proof that there is. */
export const pieceLimitBytes = pieceHeadBytes + 24 * hashBytes + leafBytes;

/** One file on its way out: carries out what its machine wants, and keeps its record. */
export class Outgoing {
  record: OutRecord;
  readonly #house: OutHouse;
  readonly #shape: TreeShape;
  #machine: Sending | null = null;
  #source: Promise<Source> | null = null;
  #reading = 0;
  #hashed = 0;
  readonly #events: SendingEvent[] = [];
  #running = false;
  #stopped = false;
  readonly #timer: DeadlineTimer;
  #progress: Progress;

  constructor(house: OutHouse, record: OutRecord) {
    this.#house = house;
    this.record = record;
    this.#shape = { sizeBytes: record.size, leafBytes };
    const { clock } = house.env;
    this.#progress = new Progress(0, clock.now());
    const deadline = () => this.#machine?.deadline() ?? (Number.POSITIVE_INFINITY as ReturnType<Sending['deadline']>);
    this.#timer = new DeadlineTimer(clock, deadline, () => this.feed({ kind: 'timer' }));
  }

  get wantsTurn(): boolean {
    return this.#machine?.wantsTurn === true && !this.#stopped;
  }

  /** Makes the hash tree if there is none yet. One file at a time: the house waits for it. */
  async hash(): Promise<void> {
    if (this.record.root !== null || this.record.ended !== null || this.#stopped) return;
    try {
      const source = await this.#open(null);
      await source.close();
      if (this.#isDead()) return;
      this.record = { ...this.record, root: hexOf(source.root) };
      await this.#house.keep(this.record);
    } catch (error) {
      if (!this.#isDead()) this.#failed(error);
    }
  }

  /** Begins to offer it, once it is hashed. */
  begin(): void {
    if (this.record.root === null || this.#isDead() || this.#machine !== null) return;
    const leaves = leafCount(this.#shape);
    this.#machine = new Sending({ leaves, nonce: this.#house.nonce }, this.#house.env.clock.now());
    this.#timer.look();
  }

  answer(nonce: string, frame: Answer): void {
    this.feed({ kind: 'answer', nonce, frame });
  }

  end(outcome: Outcome, why: string): void {
    if (this.#machine !== null) this.feed({ kind: 'end', outcome, why });
    else this.#over(outcome, why);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer.cancel();
    await this.#close();
  }

  view(): Transfer {
    const { id, to, topic, name, path, size, root, ended } = this.record;
    const written = Math.min(size, (this.#machine?.written ?? 0) * leafBytes);
    return {
      id,
      direction: 'out',
      peer: to,
      topic,
      name,
      path,
      sizeBytes: size,
      doneBytes: ended === 'done' ? size : root === null ? this.#hashed : written,
      pieces: this.#machine?.sentPieces ?? 0,
      bytesPerSecond: ended === null ? this.#progress.bytesPerSecond : null,
      state: ended ?? this.#state(),
      why: this.record.why || this.#machine?.why || null,
      root,
    };
  }

  feed(event: SendingEvent): void {
    if (this.#stopped || this.#machine === null) return;
    this.#events.push(event);
    if (this.#running) return;
    this.#running = true;
    for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) {
      for (const effect of this.#machine.step(next, this.#house.env.clock.now())) this.#carryOut(effect);
    }
    this.#running = false;
    this.#timer.look();
    this.#house.pump(this.record.to);
  }

  #state(): Transfer['state'] {
    const state = this.#machine?.state;
    if (state === undefined) return 'hashing';
    return state === 'over' ? 'done' : state;
  }

  #isDead(): boolean {
    return this.#stopped || this.record.ended !== null;
  }

  #carryOut(effect: SendingEffect): void {
    switch (effect.kind) {
      case 'offer':
        if (this.#reading === 0) void this.#close();
        this.#offer(effect.nonce);
        break;
      case 'piece':
        this.#house.pace(this.record.to).began();
        void this.#piece(effect.index, effect.nonce);
        break;
      case 'call-off':
        callOff(this.#house, this.record, effect.nonce);
        break;
      case 'progress':
        this.#told();
        break;
      case 'over':
        this.#over(effect.outcome, effect.why);
        break;
      default:
        unreachable(effect);
    }
  }

  #offer(nonce: string): void {
    const { size, root, topic, name } = this.record;
    const offer = {
      size,
      leaf: leafBytes,
      root: Buffer.from(root ?? '', 'hex'),
      topic: Buffer.from(topic),
      name: Buffer.from(name),
    };
    const payload = filesFrame('offer', this.#course(nonce), offerLayout, offer);
    const frame = {
      to: this.record.to,
      topic: this.#house.topic,
      payload,
      priority: bulk,
      deadlineMs: controlDeadlineMs,
    };
    sendFrame(this.#house.overlay, frame, () => {});
  }

  /** Reads, sends, and says how it ended. Never rejects. */
  async #piece(index: number, nonce: string): Promise<void> {
    const pace = this.#house.pace(this.record.to);
    const { clock } = this.#house.env;
    // Its end tells the pace: nothing may hold the acknowledgement back.
    try {
      const payload = await this.#frame(index, nonce);
      const sentAt = clock.now();
      const frame = {
        to: this.record.to,
        topic: this.#house.topic,
        payload,
        priority: bulk,
        isPatient: false,
        deadlineMs: pieceDeadlineMs,
      };
      const ended = (became: 'received' | 'aborted'): void => {
        const received = became === 'received';
        // One that was given up may still be looked at.
        if (received) this.#house.frames.give(payload);
        pace.ended(received ? sentAt : null, clock.now());
        if (!received) this.#house.hold(this.record.to);
        this.#pieceEnded(index, received);
      };
      if (this.#isDead() || sendFrame(this.#house.overlay, frame, ended) === 'refused') ended('aborted');
      else this.#house.counters.sentPieces++;
    } catch (error) {
      pace.ended(null, clock.now());
      this.#pieceEnded(index, false);
      this.#failed(error);
    }
  }

  #pieceEnded(index: number, received: boolean): void {
    if (this.#isDead()) this.#house.pump(this.record.to);
    else this.feed({ kind: 'sent', index, received });
  }

  /** The leaf is read to where it stands in the frame. */
  async #frame(index: number, nonce: string): Promise<Uint8Array> {
    const proofBytes = proofCount(this.#shape, index) * hashBytes;
    const length = leafLength(this.#shape, index);
    const frame = this.#house.frames.take().subarray(0, pieceHeadBytes + proofBytes + length);
    this.#reading++;
    try {
      this.#source ??= this.#open(Buffer.from(this.record.root ?? '', 'hex'));
      const source = await this.#source;
      const { bytes, proof } = await source.read(index, frame.subarray(pieceHeadBytes + proofBytes));
      const head = { kind: filesKinds.piece, flags: 0, ...this.#course(nonce), body: new Uint8Array(0) };
      filesHead.encodeInto(head, frame, 0);
      pieceLayout.encodeInto({ index, proof, bytes }, frame, filesHeadBytes);
      return frame;
    } finally {
      this.#reading--;
    }
  }

  #course(nonce: string): FilesCourse {
    return { from: this.#house.overlay.publicKey, to: this.record.to, id: this.record.id, nonce };
  }

  #open(root: Uint8Array | null): Promise<Source> {
    const places = { path: this.record.path, hashes: hashesOf(this.#house.directory, this.record.id) };
    return Source.open(this.#house.env.disk, places, this.#shape, root, (bytes) => {
      this.#hashed = bytes;
      if (root === null) this.#told();
      return !this.#isDead();
    });
  }

  async #close(): Promise<void> {
    const source = this.#source;
    this.#source = null;
    await source?.then(
      (open) => open.close(),
      () => {},
    );
  }

  /** A file that is gone, unreadable or another is not sent. */
  #failed(error: unknown): void {
    if (this.#isDead()) return;
    const why = messageOf(error);
    if (!isAgentError(error)) this.#house.env.log.error('file-failed', { id: this.record.id, why });
    this.end('failed', why);
  }

  #told(): void {
    const view = this.view();
    if (this.#progress.note(view.doneBytes, this.#house.env.clock.now())) {
      this.#house.event({ kind: 'file-progress', transfer: this.view() });
    }
  }

  #over(outcome: Outcome, why: string): void {
    if (this.record.ended !== null) return;
    this.record = { ...this.record, ended: outcome, why };
    this.#timer.cancel();
    void this.#finish();
  }

  async #finish(): Promise<void> {
    const { env, directory } = this.#house;
    await this.#close();
    try {
      await this.#house.keep(this.record);
      await env.disk.remove(hashesOf(directory, this.record.id));
    } catch (error) {
      env.log.warn('file-record-not-kept', { id: this.record.id, why: messageOf(error) });
    }
    this.#house.over(this);
  }
}

export const outgoingDirectory = (data: string): string => `${data}/outgoing`;
export const hashesOf = (data: string, id: string): string => `${outgoingDirectory(data)}/${id}.hashes`;

/** Tells the far end that the file is no longer on its way. `told`: it has heard. */
export function callOff(
  { overlay, topic }: Pick<OutHouse, 'overlay' | 'topic'>,
  { id, to }: OutRecord,
  nonce: string,
  told: () => void = () => {},
): void {
  const payload = filesFrame('call-off', { from: overlay.publicKey, to, id, nonce }, null, {});
  const ended = (became: 'received' | 'aborted'): void => {
    if (became === 'received') told();
  };
  sendFrame(overlay, { to, topic, payload, priority: bulk, deadlineMs: controlDeadlineMs }, ended);
}

import type { Env, PublicKey } from '#kernel';
import { isAgentError, messageOf, unreachable } from '#kernel';
import type { Overlay } from '#overlay';
import { sendFrame } from '../sending.ts';
import { DeadlineTimer } from '../timer.ts';
import type { InRecord } from './book.ts';
import { type AnswerState, answerLayout, answerStates, bulk, filesFrame, leafBytes } from './frame.ts';
import { clear, Landing, type LandingPaths } from './landing.ts';
import { freeName } from './names.ts';
import { Progress } from './progress.ts';
import { Receiving, type ReceivingEffect, type ReceivingEvent, type Said } from './receiving.ts';
import type { TreeShape } from './tree.ts';
import type { ArrivedFile, FilesCounters, FilesEvent, Transfer } from './types.ts';

export interface InHouse {
  readonly env: Env;
  readonly overlay: Overlay;
  readonly topic: Uint8Array;
  readonly directory: string;
  readonly counters: FilesCounters;
  readonly nameOf: (from: PublicKey) => string;
  /** Names that unfinished files are going to have in that directory. */
  readonly chosen: (directory: string) => Iterable<string>;
  readonly keep: (record: InRecord) => Promise<void>;
  readonly arrived: (file: ArrivedFile) => void;
  readonly event: (event: FilesEvent) => void;
  readonly over: (incoming: Incoming) => void;
}

const answerDeadlineMs = 30_000;

/** One file on its way in: carries out what its machine wants, and keeps its record. */
export class Incoming {
  record: InRecord;
  /** When its sender was last heard. */
  heardAt: number;
  readonly #house: InHouse;
  readonly #shape: TreeShape;
  readonly #paths: LandingPaths;
  readonly #machine: Receiving;
  readonly #timer: DeadlineTimer;
  readonly #events: ReceivingEvent[] = [];
  #landing: Landing | null = null;
  #opening: Promise<Landing> | null = null;
  #running = false;
  #stopped = false;
  #pieces = 0;
  #progress: Progress;

  constructor(house: InHouse, record: InRecord) {
    this.#house = house;
    this.record = record;
    const { clock } = house.env;
    this.heardAt = clock.now();
    this.#shape = { sizeBytes: record.size, leafBytes };
    this.#paths = pathsOf(house.directory, record);
    this.#machine = new Receiving(this.#shape, Buffer.from(record.root, 'hex'));
    this.#progress = new Progress(0, clock.now());
    this.#timer = new DeadlineTimer(
      clock,
      () => this.#machine.deadline(),
      () => this.feed({ kind: 'timer' }),
    );
  }

  /** Looks at what is here already. Never rejects. */
  async open(): Promise<void> {
    try {
      if (await this.#isInPlace()) {
        await this.#remember();
        this.feed({ kind: 'landed' });
        return;
      }
      const landing = await this.#open();
      const found = await landing.survey(() => !this.#stopped);
      this.#progress = new Progress(found.next * leafBytes, this.#house.env.clock.now());
      this.feed({ kind: 'opened', ...found });
    } catch (error) {
      this.feed({ kind: 'not-landed', why: messageOf(error) });
    }
  }

  heard(event: ReceivingEvent): void {
    this.heardAt = this.#house.env.clock.now();
    if (event.kind === 'piece') {
      this.#pieces++;
      this.#house.counters.receivedPieces++;
    }
    this.feed(event);
  }

  feed(event: ReceivingEvent): void {
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

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer.cancel();
    await this.#opening?.then(
      (landing) => landing.close(),
      () => {},
    );
  }

  view(): Transfer {
    const { state, why, written } = this.#machine;
    return {
      ...viewOf(this.record),
      doneBytes: Math.min(this.record.size, written * leafBytes),
      pieces: this.#pieces,
      bytesPerSecond: this.#progress.bytesPerSecond,
      state: this.record.ended ?? (state === 'taking' ? 'flowing' : 'waiting'),
      why: this.record.why || why || null,
    };
  }

  #carryOut(effect: ReceivingEffect): void {
    switch (effect.kind) {
      case 'answer':
        say(this.#house, this.record, effect.nonce, effect.answer);
        break;
      case 'write':
        void this.#write(effect);
        break;
      case 'land':
        void this.#land();
        break;
      case 'wrong-piece':
        this.#house.counters.wrongPieces++;
        this.#house.env.log.warn('wrong-piece', { from: this.record.from, id: this.record.id, leaf: effect.index });
        break;
      case 'shed':
        this.#house.counters.shed++;
        break;
      case 'progress':
        this.#told();
        break;
      case 'over':
        void this.#over(effect.outcome, effect.why);
        break;
      default:
        unreachable(effect);
    }
  }

  /** Never rejects. */
  async #write({ index, hash, bytes }: Extract<ReceivingEffect, { kind: 'write' }>): Promise<void> {
    let landing: Landing | null = null;
    try {
      landing = await this.#open();
      await landing.write(index, hash, bytes);
      this.feed({ kind: 'written', index });
    } catch (error) {
      if (landing?.isDistrusted === true) await this.#startOver(landing, messageOf(error));
      else this.feed({ kind: 'not-written', index, why: reasonOf(error) });
    }
  }

  /** Synced, in its place, told, remembered; only then it is done. Never rejects. */
  async #land(): Promise<void> {
    try {
      const landing = await this.#open();
      if (!(await landing.isWhole()))
        return await this.#startOver(landing, 'what is on the disk is not what was written');
      const path = await this.#choosePath();
      await landing.settle({ directory: directoryOf(path), path });
      await this.#remember();
      this.feed({ kind: 'landed' });
    } catch (error) {
      if (this.#landing?.isDistrusted === true) await this.#startOver(this.#landing, messageOf(error));
      else this.feed({ kind: 'not-landed', why: reasonOf(error) });
    }
  }

  /** The name is remembered before the file has it: after a crash it is looked for there. */
  async #choosePath(): Promise<string> {
    if (this.record.path !== null) return this.record.path;
    const { env, directory, nameOf, chosen } = this.#house;
    const into = `${directory}/files/${nameOf(this.record.from)}`;
    const taken = new Set([...(await env.disk.list(into)), ...chosen(into)]);
    const path = `${into}/${freeName(this.record.name, this.record.id, taken)}`;
    this.record = { ...this.record, path };
    await this.#house.keep(this.record);
    return path;
  }

  /** Told first: after a crash between the two it is told again, and never not at all. */
  async #remember(): Promise<void> {
    if (this.#stopped) throw new Error('stopped');
    const { id, from, topic, path, size, root } = this.record;
    this.#house.arrived({ id, from, topic, path: path ?? '', sizeBytes: size, root });
    this.record = { ...this.record, ended: 'done' };
    await this.#house.keep(this.record);
  }

  /** An earlier life had renamed it, and could not say so any more. */
  async #isInPlace(): Promise<boolean> {
    const { path, size } = this.record;
    const { disk } = this.#house.env;
    if (path === null || (await disk.list(this.#paths.directory)).includes(nameIn(this.#paths.part))) return false;
    try {
      const file = await disk.open(path, 'read-only');
      const found = await file.size();
      await file.close();
      return found === size;
    } catch (error) {
      if (isAgentError(error, 'disk/not-found')) return false;
      throw error;
    }
  }

  /** The one there is, or a new one; what fails now may go later. */
  #open(): Promise<Landing> {
    this.#opening ??= this.#opened();
    return this.#opening;
  }

  async #opened(): Promise<Landing> {
    const what = { shape: this.#shape, root: Buffer.from(this.record.root, 'hex') };
    try {
      this.#landing = await Landing.open(this.#house.env.disk, this.#paths, what);
      return this.#landing;
    } catch (error) {
      this.#opening = null;
      throw error;
    }
  }

  /** In new files. */
  async #startOver(distrusted: Landing, why: string): Promise<void> {
    if (this.#landing !== distrusted || this.#stopped) return;
    this.#landing = null;
    this.#opening = null;
    this.#house.env.log.warn('file-begun-again', { id: this.record.id, why });
    try {
      await distrusted.close();
      await clear(this.#house.env.disk, this.#paths);
      await this.#open();
    } catch (error) {
      this.#house.env.log.warn('file-not-begun', { id: this.record.id, why: messageOf(error) });
    }
    this.feed({ kind: 'spoilt', why: `begun again: ${why}` });
  }

  async #over(outcome: 'done' | 'called-off' | 'cancelled' | 'refused', why: string): Promise<void> {
    const ended = outcome === 'called-off' ? 'cancelled' : outcome;
    const isKept = this.record.ended !== null;
    this.record = { ...this.record, ended, why };
    await this.stop();
    const { env, keep, over } = this.#house;
    try {
      if (!isKept) await keep(this.record);
      await clear(env.disk, this.#paths);
    } catch (error) {
      env.log.warn('file-record-not-kept', { id: this.record.id, why: messageOf(error) });
    }
    over(this);
  }

  #told(): void {
    const { doneBytes } = this.view();
    if (this.#progress.note(doneBytes, this.#house.env.clock.now())) {
      this.#house.event({ kind: 'file-progress', transfer: this.view() });
    }
  }
}

export const incomingDirectory = (data: string): string => `${data}/incoming`;

/** The sender's key is part of it: an id is the sender's own choice. */
export function pathsOf(data: string, { from, id }: InRecord): LandingPaths {
  const directory = incomingDirectory(data);
  const stem = `${directory}/${from.slice(0, 16)}-${id}`;
  return { directory, part: `${stem}.part`, hashes: `${stem}.hashes` };
}

const nameIn = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
const directoryOf = (path: string): string => path.slice(0, path.lastIndexOf('/'));

/** What the sender is told of a trouble here: no path of ours. */
function reasonOf(error: unknown): string {
  if (isAgentError(error, 'disk/no-space')) return 'the disk there is full';
  if (isAgentError(error)) return `the disk there does not take it (${error.code})`;
  return 'the disk there does not take it';
}

/** A file of which no more is known than its record. */
export function viewOf(record: InRecord): Transfer {
  const { id, from, topic, name, path, size, root, ended, why } = record;
  return {
    id,
    direction: 'in',
    peer: from,
    topic,
    name,
    path,
    sizeBytes: size,
    doneBytes: ended === 'done' ? size : 0,
    pieces: 0,
    bytesPerSecond: null,
    state: ended ?? 'offering',
    why: why || null,
    root,
  };
}

export type Saying = Pick<InHouse, 'overlay' | 'topic'>;

export function say(
  { overlay, topic }: Saying,
  { from, id }: Pick<InRecord, 'from' | 'id'>,
  nonce: string,
  { state, next, held, why }: Said,
): void {
  const course = { from: overlay.publicKey, to: from, id, nonce };
  const answer = { state: answerStates.indexOf(state), next, held, why: Buffer.from(why).subarray(0, 1024) };
  const payload = filesFrame('answer', course, answerLayout, answer);
  sendFrame(overlay, { to: from, topic, payload, priority: bulk, deadlineMs: answerDeadlineMs }, () => {});
}

export const plainly = (state: AnswerState, why = ''): Said => ({ state, next: 0, held: new Uint8Array(8), why });

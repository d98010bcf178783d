import { isRefusal } from '#codec';
import type { Env, Instant, PublicKey, Timer } from '#kernel';
import { AgentError, after, hexOf, messageOf, milliseconds } from '#kernel';
import type { Overlay } from '#overlay';
import type { Ring } from '#ring';
import { Book, type OutRecord } from './book.ts';
import { answerLayout, leafBytes, leafLimit, type OpenedFilesFrame } from './frame.ts';
import { Frames } from './frames.ts';
import { callOff, hashesOf, Outgoing, type OutHouse, outgoingDirectory, pieceLimitBytes } from './outgoing.ts';
import { Pace } from './pace.ts';
import type { FilesCounters, FilesEvent, NewTransfer, Transfer } from './types.ts';

/** Records of files that were sent, ended or not. */
const recordLimit = 256;
/** Pieces in memory, to all contacts together: 4 MiB. */
const underWayLimit = 64;
/** Frames kept for the next pieces: 2 MiB. */
const keptFrames = 32;
/** When the overlay has no room, or gives up. */
const holdFor = milliseconds(250);

export interface LeavingPorts {
  readonly env: Env;
  readonly overlay: Overlay;
  readonly ring: Ring;
  readonly topic: Uint8Array;
  readonly counters: FilesCounters;
  readonly event: (event: FilesEvent) => void;
}

/** The files to one contact: they share a pace, and take turns piece by piece. */
interface Way {
  readonly pace: Pace;
  readonly files: Outgoing[];
  hold: Timer | null;
}

/** All files on their way out. */
export class Leaving {
  readonly #ports: LeavingPorts;
  readonly #directory: string;
  readonly #book: Book<OutRecord>;
  readonly #house: OutHouse;
  readonly #files = new Map<string, Outgoing>();
  readonly #ways = new Map<PublicKey, Way>();
  /** Ended here, and the far end may not know. */
  readonly #untold = new Map<string, OutRecord>();
  #hashing: Promise<void> = Promise.resolve();
  #forgetRoute: () => void = () => {};
  #pumping = false;
  #stopped = false;

  constructor(ports: LeavingPorts, directory: string) {
    this.#ports = ports;
    this.#directory = directory;
    this.#book = new Book<OutRecord>(ports.ring, 'out', recordLimit, ({ id }) => id);
    this.#house = {
      ...ports,
      directory,
      frames: new Frames(pieceLimitBytes, keptFrames),
      nonce: () => this.#random(8),
      pace: (to) => this.#way(to).pace,
      pump: () => this.#pump(),
      hold: (to) => this.#hold(to),
      keep: (record) => this.#book.put(record),
      over: (outgoing) => this.#over(outgoing),
    };
  }

  async start(): Promise<void> {
    const { env, overlay } = this.#ports;
    this.#forgetRoute = overlay.onRoute((to, reachable) => this.#route(to, reachable));
    const wanted = new Set<string>();
    for (const record of [...this.#book.all()]) {
      if (record.ended === null) {
        wanted.add(hashesOf(this.#directory, record.id));
        this.#begin(record);
      } else if (mustBeTold(record)) this.#untold.set(record.id, record);
    }
    const directory = outgoingDirectory(this.#directory);
    try {
      await env.disk.makeDirectory(directory);
      for (const name of await env.disk.list(directory)) {
        if (!wanted.has(`${directory}/${name}`) && !this.#files.has(name.split('.')[0] ?? '')) {
          await env.disk.remove(`${directory}/${name}`);
        }
      }
    } catch (error) {
      env.log.warn('files-not-swept', { why: messageOf(error) });
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#forgetRoute();
    for (const way of this.#ways.values()) way.hold?.cancel();
    await Promise.all([...this.#files.values()].map((outgoing) => outgoing.stop()));
    await this.#hashing;
  }

  transfers(): Transfer[] {
    return [...this.#book.all()].map((record) => (this.#files.get(record.id) ?? this.#asleep(record)).view());
  }

  async send({ to, path, name, topic }: NewTransfer): Promise<Transfer> {
    const size = await this.#sizeOf(path);
    if (!this.#book.makeRoom((record) => record.ended !== null)) {
      throw new AgentError('files/too-many', 'retry', `transfers: ${this.#book.count} under way, wanted fewer`);
    }
    const id = this.#random(16);
    const number = this.#book.nextNumber();
    const record: OutRecord = { id, to, path, name, topic, size, root: null, ended: null, why: '', number };
    await this.#book.put(record);
    return this.#begin(record).view();
  }

  cancel(id: string): boolean {
    const outgoing = this.#files.get(id);
    if (outgoing === undefined || outgoing.record.ended !== null) return false;
    outgoing.end('cancelled', 'cancelled here');
    return true;
  }

  /** Something is on its way there, or was: its answers may come. */
  goesTo(to: PublicKey): boolean {
    if (this.#ways.has(to)) return true;
    for (const record of this.#untold.values()) if (record.to === to) return true;
    return false;
  }

  receive({ course, body }: OpenedFilesFrame): void {
    const outgoing = this.#files.get(course.id);
    const frame = answerLayout.decode(body);
    if (isRefusal(frame)) this.#ports.counters.malformed++;
    else if (outgoing !== undefined && outgoing.record.to === course.from) outgoing.answer(course.nonce, frame);
  }

  async #sizeOf(path: string): Promise<number> {
    const file = await this.#ports.env.disk.open(path, 'read-only');
    try {
      const size = await file.size();
      if (size <= leafBytes * leafLimit) return size;
      throw new AgentError(
        'files/too-large',
        'reject',
        `${path}: ${size} bytes found, ${leafBytes * leafLimit} wanted at most`,
      );
    } finally {
      await file.close();
    }
  }

  #begin(record: OutRecord): Outgoing {
    const outgoing = new Outgoing(this.#house, record);
    this.#files.set(record.id, outgoing);
    this.#way(record.to).files.push(outgoing);
    // A hash tree reads a whole file: one file at a time.
    if (record.root === null) this.#hashing = this.#hashing.then(() => outgoing.hash()).then(() => outgoing.begin());
    else outgoing.begin();
    return outgoing;
  }

  /** Turns go round, a piece each, while the pace of a contact allows one. */
  #pump(): void {
    if (this.#pumping || this.#stopped) return;
    this.#pumping = true;
    let moved = true;
    while (moved) {
      moved = false;
      for (const way of this.#ways.values()) if (this.#underWay() < underWayLimit && turn(way)) moved = true;
    }
    this.#pumping = false;
  }

  #underWay(): number {
    let pieces = 0;
    for (const { pace } of this.#ways.values()) pieces += pace.underWay;
    return pieces;
  }

  #hold(to: PublicKey): void {
    const way = this.#way(to);
    const { clock } = this.#ports.env;
    if (way.hold !== null || this.#stopped) return;
    way.hold = clock.at(after(clock.now(), holdFor) as Instant, () => {
      way.hold = null;
      this.#pump();
    });
  }

  #route(to: PublicKey, reachable: boolean): void {
    for (const outgoing of [...(this.#ways.get(to)?.files ?? [])]) outgoing.feed({ kind: 'route', reachable });
    if (!reachable) return;
    for (const record of [...this.#untold.values()]) if (record.to === to) this.#tell(record);
  }

  #tell(record: OutRecord): void {
    callOff(this.#ports, record, this.#random(8), () => this.#untold.delete(record.id));
  }

  #way(to: PublicKey): Way {
    let way = this.#ways.get(to);
    if (way === undefined) this.#ways.set(to, (way = { pace: new Pace(), files: [], hold: null }));
    return way;
  }

  #over(outgoing: Outgoing): void {
    const { record } = outgoing;
    this.#files.delete(record.id);
    const way = this.#way(record.to);
    const at = way.files.indexOf(outgoing);
    if (at !== -1) way.files.splice(at, 1);
    if (way.files.length === 0 && way.pace.underWay === 0) this.#ways.delete(record.to);
    if (mustBeTold(record)) {
      this.#untold.set(record.id, record);
      this.#tell(record);
    }
    if (record.ended === 'done') this.#ports.counters.sent++;
    const kind = record.ended === 'done' ? 'file-sent' : 'file-ended';
    const { pieces } = outgoing.view();
    this.#ports.env.log.info(kind, { to: record.to, id: record.id, bytes: record.size, pieces, why: record.why });
    this.#ports.event({ kind, transfer: outgoing.view() });
  }

  #asleep(record: OutRecord): Outgoing {
    return new Outgoing(this.#house, record);
  }

  #random(bytes: number): string {
    return hexOf(this.#ports.env.random.bytes(bytes));
  }
}

const mustBeTold = ({ ended, root }: OutRecord): boolean =>
  (ended === 'cancelled' || ended === 'failed') && root !== null;

/** The next file that has something to send sends one piece, and goes to the end of the row. */
function turn({ pace, files, hold }: Way): boolean {
  if (hold !== null || !pace.hasRoom) return false;
  const at = files.findIndex((file) => file.wantsTurn);
  const [next] = at === -1 ? [] : files.splice(at, 1);
  if (next === undefined) return false;
  files.push(next);
  next.feed({ kind: 'turn' });
  return true;
}

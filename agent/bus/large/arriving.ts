import { isRefusal } from '#codec';
import type { Env, PublicKey } from '#kernel';
import { hexOf, messageOf } from '#kernel';
import type { Overlay } from '#overlay';
import type { Ring } from '#ring';
import { Admission } from './admission.ts';
import { Book, type InRecord } from './book.ts';
import { type Offer, type OpenedFilesFrame, offerLayout, pieceLayout } from './frame.ts';
import { Incoming, type InHouse, incomingDirectory, pathsOf, plainly, say, viewOf } from './incoming.ts';
import { clear, type LandingPaths } from './landing.ts';
import type { FilesCounters, FilesEvent, FilesOptions, Transfer } from './types.ts';

/** Records of files that came in, ended or not. */
const recordLimit = 1000;
/** Offers that are being looked at; a sender that is not answered asks again. */
const judgedAtOnce = 64;
/** A file whose sender is silent gives its place to another that waits. */
const silenceMs = 60_000;

export interface ArrivingPorts {
  readonly env: Env;
  readonly overlay: Overlay;
  readonly ring: Ring;
  readonly topic: Uint8Array;
  readonly counters: FilesCounters;
  readonly event: (event: FilesEvent) => void;
}

/** All files on their way in: which may come, which have a place, what those are told that have none. */
export class Arriving {
  readonly #ports: ArrivingPorts;
  readonly #options: FilesOptions;
  readonly #book: Book<InRecord>;
  readonly #admission: Admission;
  readonly #house: InHouse;
  readonly #active = new Map<string, Incoming>();
  readonly #judged = new Set<string>();
  #turn: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(ports: ArrivingPorts, options: FilesOptions) {
    this.#ports = ports;
    this.#options = options;
    this.#book = new Book<InRecord>(ports.ring, 'in', recordLimit, keyOf);
    const { limits, mayBring } = options;
    this.#admission = new Admission({ disk: ports.env.disk, book: this.#book, limits, mayBring });
    this.#house = {
      ...ports,
      directory: options.directory,
      nameOf: options.nameOf,
      chosen: (directory) => this.#chosen(directory),
      keep: (record) => this.#book.put(record),
      arrived: options.arrived,
      over: (incoming) => this.#over(incoming),
    };
  }

  /** Removes what belongs to no unfinished file. */
  async start(): Promise<void> {
    const { disk, log } = this.#ports.env;
    const directory = incomingDirectory(this.#options.directory);
    const wanted = new Set<string>();
    for (const record of this.#book.all()) {
      const paths = pathsOf(this.#options.directory, record);
      if (record.ended === null) for (const path of [paths.part, paths.hashes]) wanted.add(path);
    }
    try {
      for (const name of await disk.list(directory)) {
        if (!wanted.has(`${directory}/${name}`)) await disk.remove(`${directory}/${name}`);
      }
    } catch (error) {
      log.warn('files-not-swept', { why: messageOf(error) });
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#turn;
    await Promise.all([...this.#active.values()].map((incoming) => incoming.stop()));
  }

  transfers(): Transfer[] {
    return [...this.#book.all()].map((record) => this.#active.get(keyOf(record))?.view() ?? viewOf(record));
  }

  receive({ kind, course, body }: OpenedFilesFrame): void {
    const key = keyOf(course);
    if (kind === 'call-off') this.#calledOff(key);
    else if (kind === 'offer') this.#offered(key, course, body);
    else if (kind === 'piece') this.#piece(key, course, body);
  }

  cancel(id: string): boolean {
    const record = [...this.#book.all()].find((one) => one.id === id && one.ended === null);
    if (record === undefined) return false;
    this.#end(keyOf(record), 'cancelled');
    return true;
  }

  #calledOff(key: string): void {
    if (this.#book.get(key)?.ended === null) this.#end(key, 'called-off');
  }

  #end(key: string, outcome: 'called-off' | 'cancelled'): void {
    const active = this.#active.get(key);
    if (active !== undefined) active.heard({ kind: 'end', outcome });
    else void this.#endAsleep(key, outcome);
  }

  /** One that has no place: its record alone. Never rejects. */
  async #endAsleep(key: string, outcome: 'called-off' | 'cancelled'): Promise<void> {
    const record = this.#book.get(key);
    if (record === undefined) return;
    const why = outcome === 'cancelled' ? 'cancelled there' : 'called off by its sender';
    const paths: LandingPaths = pathsOf(this.#options.directory, record);
    try {
      await this.#book.put({ ...record, ended: 'cancelled', why });
      await clear(this.#ports.env.disk, paths);
    } catch (error) {
      this.#ports.env.log.warn('file-record-not-kept', { id: record.id, why: messageOf(error) });
    }
  }

  #piece(key: string, course: OpenedFilesFrame['course'], body: Uint8Array): void {
    const active = this.#active.get(key);
    const frame = pieceLayout.decode(body);
    if (isRefusal(frame)) this.#ports.counters.malformed++;
    else if (active !== undefined) active.heard({ kind: 'piece', nonce: course.nonce, frame });
    else {
      this.#ports.counters.shed++;
      say(this.#ports, course, course.nonce, this.#ofEnded(key) ?? plainly('again'));
    }
  }

  #offered(key: string, course: OpenedFilesFrame['course'], body: Uint8Array): void {
    const offer = offerLayout.decode(body);
    if (isRefusal(offer)) {
      this.#ports.counters.malformed++;
      return;
    }
    const record = this.#book.get(key);
    if (record !== undefined && (record.size !== offer.size || record.root !== hexOf(offer.root))) {
      this.#refuse(course, 'another file was offered by the same id');
      return;
    }
    const ended = this.#ofEnded(key);
    const active = this.#active.get(key);
    if (active !== undefined) active.heard({ kind: 'offer', nonce: course.nonce });
    else if (ended !== null) say(this.#ports, course, course.nonce, ended);
    else this.#judge(key, course, offer);
  }

  /** One after the other: each counts what those before it were given. */
  #judge(key: string, course: OpenedFilesFrame['course'], offer: Offer): void {
    if (this.#judged.has(key) || this.#judged.size >= judgedAtOnce) {
      this.#ports.counters.shed++;
      return;
    }
    this.#judged.add(key);
    // The offer is a view of a frame that is not kept.
    const kept = { ...offer, root: offer.root.slice(), topic: offer.topic.slice(), name: offer.name.slice() };
    this.#turn = this.#turn.then(() => this.#admit(key, course, kept)).finally(() => this.#judged.delete(key));
  }

  async #admit(key: string, course: OpenedFilesFrame['course'], offer: Offer): Promise<void> {
    if (this.#stopped) return;
    const { from, id, nonce } = course;
    try {
      const known = this.#book.get(key);
      const verdict =
        known === undefined ? await this.#admission.judge(from, id, offer) : ({ kind: 'take', record: known } as const);
      if (verdict.kind === 'refuse') this.#refuse(course, verdict.why);
      else if (verdict.kind === 'wait') say(this.#ports, course, nonce, plainly('wait', verdict.why));
      else await this.#seat(key, verdict.record, known === undefined, nonce);
    } catch (error) {
      this.#ports.env.log.warn('offer-not-judged', { from, why: messageOf(error) });
      say(this.#ports, course, nonce, plainly('wait', 'no answer can be given there yet'));
    }
  }

  async #seat(key: string, record: InRecord, isNew: boolean, nonce: string): Promise<void> {
    if (this.#active.size >= this.#options.limits.atOnce && !this.#unseatSilent()) {
      say(this.#ports, record, nonce, plainly('wait', `${this.#active.size} other files come in there`));
      return;
    }
    if (isNew) await this.#book.put(record);
    if (this.#stopped) return;
    const incoming = new Incoming(this.#house, record);
    this.#active.set(key, incoming);
    this.#ports.env.log.info(isNew ? 'file-taken-on' : 'file-resumed', {
      from: record.from,
      id: record.id,
      bytes: record.size,
    });
    incoming.heard({ kind: 'offer', nonce });
    void incoming.open();
  }

  #unseatSilent(): boolean {
    const now = this.#ports.env.clock.now();
    for (const [key, incoming] of this.#active) {
      if (now - incoming.heardAt < silenceMs) continue;
      this.#active.delete(key);
      void incoming.stop();
      return true;
    }
    return false;
  }

  #refuse(course: OpenedFilesFrame['course'], why: string): void {
    this.#ports.counters.refusedOffers++;
    this.#ports.env.log.info('file-refused', { from: course.from, id: course.id, why });
    say(this.#ports, course, course.nonce, plainly('refused', why));
  }

  /** What is said of a file that is over here. */
  #ofEnded(key: string): ReturnType<typeof plainly> | null {
    const record = this.#book.get(key);
    switch (record?.ended) {
      case 'done':
        return plainly('done');
      case 'cancelled':
        return plainly('called-off', record.why);
      case 'refused':
      case 'failed':
        return plainly('refused', record.why);
      default:
        return null;
    }
  }

  *#chosen(directory: string): Iterable<string> {
    const prefix = `${directory}/`;
    for (const { path, ended } of this.#book.all()) {
      if (ended === null && path?.startsWith(prefix) === true) yield path.slice(prefix.length);
    }
  }

  #over(incoming: Incoming): void {
    const { record } = incoming;
    if (this.#active.get(keyOf(record)) === incoming) this.#active.delete(keyOf(record));
    if (record.ended === 'done') this.#ports.counters.received++;
    this.#ports.event({ kind: record.ended === 'done' ? 'file-received' : 'file-ended', transfer: viewOf(record) });
  }
}

const keyOf = ({ from, id }: { readonly from: PublicKey; readonly id: string }): string => `${from}/${id}`;

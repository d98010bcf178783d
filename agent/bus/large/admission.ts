import type { Disk, PublicKey } from '#kernel';
import { isTopicName } from '#kernel';
import type { Book, InRecord } from './book.ts';
import { leafBytes, leafLimit, type Offer } from './frame.ts';
import { safeName } from './names.ts';
import type { FilesLimits } from './types.ts';

export type Verdict =
  | { readonly kind: 'take'; readonly record: InRecord }
  | { readonly kind: 'wait'; readonly why: string }
  | { readonly kind: 'refuse'; readonly why: string };

/** Unfinished files of one contact. */
const unfinishedEach = 32;

export interface AdmissionPorts {
  readonly disk: Disk;
  readonly book: Book<InRecord>;
  readonly limits: FilesLimits;
  readonly mayBring: (from: PublicKey, topic: string) => number;
}

/** Whether a file that is offered for the first time may come: what is said no to costs nothing more. */
export class Admission {
  readonly #ports: AdmissionPorts;

  constructor(ports: AdmissionPorts) {
    this.#ports = ports;
  }

  async judge(from: PublicKey, id: string, offer: Offer): Promise<Verdict> {
    const topic = Buffer.from(offer.topic).toString();
    const refusal = this.#refusal(from, topic, offer);
    if (refusal !== null) return { kind: 'refuse', why: refusal };
    const wait = await this.#wait(from, offer.size);
    if (wait !== null) return { kind: 'wait', why: wait };
    const record: InRecord = {
      id,
      from,
      name: safeName(Buffer.from(offer.name).toString()),
      topic,
      size: offer.size,
      root: Buffer.from(offer.root).toString('hex'),
      path: null,
      ended: null,
      why: '',
      number: this.#ports.book.nextNumber(),
    };
    return { kind: 'take', record };
  }

  #refusal(from: PublicKey, topic: string, { size, leaf }: Offer): string | null {
    if (leaf !== leafBytes) return `leaves of ${leaf} bytes found, ${leafBytes} wanted`;
    if (size > leafBytes * leafLimit) return `${size} bytes found, ${leafBytes * leafLimit} wanted at most`;
    if (!isTopicName(topic)) return 'the topic is none';
    const most = this.#ports.mayBring(from, topic);
    if (most === 0) return `no [[accept]] there lets a file of this sender in on the topic ${topic} (max_file)`;
    if (size > most) return `${size} bytes found, the [[accept]] there wants ${most} at most (max_file)`;
    const total = this.#ports.limits.totalBytes;
    return size > total ? `${size} bytes found, ${total} wanted at most there ([files] space)` : null;
  }

  /** Files that came and lie there still count, until somebody takes them away. */
  async #wait(from: PublicKey, size: number): Promise<string | null> {
    const { book, limits } = this.#ports;
    const lying = await this.#lying();
    if (!book.makeRoom((record) => record.ended !== null && !lying.has(record))) {
      return `${book.count} files lie there, wanted fewer`;
    }
    let bytes = 0;
    let unfinished = 0;
    for (const record of book.all()) {
      if (record.ended === null && record.from === from) unfinished++;
      if (record.ended === null || lying.has(record)) bytes += record.size;
    }
    if (unfinished >= unfinishedEach) return `${unfinished} files of this sender are unfinished there, wanted fewer`;
    if (bytes + size <= limits.totalBytes) return null;
    return `${bytes} bytes of files lie there, wanted room for ${size} within ${limits.totalBytes} ([files] space)`;
  }

  async #lying(): Promise<ReadonlySet<InRecord>> {
    const names = new Map<string, ReadonlySet<string>>();
    const lying = new Set<InRecord>();
    for (const record of [...this.#ports.book.all()]) {
      if (record.ended !== 'done' || record.path === null) continue;
      const cut = record.path.lastIndexOf('/');
      const directory = record.path.slice(0, cut);
      let found = names.get(directory);
      if (found === undefined) names.set(directory, (found = new Set(await this.#ports.disk.list(directory))));
      if (found.has(record.path.slice(cut + 1))) lying.add(record);
    }
    return lying;
  }
}

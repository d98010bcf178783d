import type { Epoch, PublicKey } from '#kernel';
import { chunkSequences, decodeChunk, SeenChunk } from './seen-chunk.ts';

/** 1 MiB of bits. */
const chunkLimit = 2_048;
/** What a chunk and a boot take in a checkpoint, beside the chunk's own bytes. */
const chunkHeadBytes = 16;
const bootHeadBytes = 48;

/** One boot of one node, and which of the records born in it are stored here. */
interface SeenBoot {
  readonly origin: PublicKey;
  readonly epoch: Epoch;
  readonly chunks: Map<number, SeenChunk>;
}

interface Place {
  readonly boot: SeenBoot;
  readonly chunk: SeenChunk;
}

/** A boot as a checkpoint says it. */
export interface SavedSeen {
  readonly origin: PublicKey;
  readonly epoch: Epoch;
  readonly chunks: readonly { readonly index: number; readonly usedAt: number; readonly encoded: Uint8Array }[];
}

/**
 * Which records from elsewhere this ring has stored, by (origin, epoch, sequence), so that a second path brings none
 * again. A bit a sequence, in chunks, since a ring's sequences have holes where its state lies.
 *
 * What it says is stored is stored. It forgets the chunk longest not added to: when there are too many, and at a
 * checkpoint those that do not fit there, so that it knows after a restart what it knew before.
 */
export class Seen {
  readonly #savedLimit: number;
  readonly #boots = new Map<PublicKey, Map<Epoch, SeenBoot>>();
  #chunks = 0;
  /** Records come in runs of one boot. */
  #last: SeenBoot | null = null;
  /** Stored records that it no longer knows to be stored. */
  forgotten = 0;

  /** `savedLimit`: bytes that it may take in a checkpoint. */
  constructor(savedLimit: number) {
    this.#savedLimit = savedLimit;
  }

  has(origin: PublicKey, epoch: Epoch, sequence: number): boolean {
    return this.#find(origin, epoch)?.chunks.get(indexOf(sequence))?.has(sequence) === true;
  }

  /** The record at `usedAt` of this ring was born there. */
  add(origin: PublicKey, epoch: Epoch, sequence: number, usedAt: number): void {
    const index = indexOf(sequence);
    const known = this.#find(origin, epoch)?.chunks.get(index);
    const chunk = known ?? this.#put(origin, epoch, new SeenChunk(index));
    chunk.add(sequence, usedAt);
  }

  /** Everything known, as bytes that do not change any more. Forgets what is too much for them. */
  save(): readonly SavedSeen[] {
    this.#forgetUnsaved();
    return [...this.#all()].map(({ origin, epoch, chunks }) => ({
      origin,
      epoch,
      chunks: [...chunks.values()].map((chunk) => ({
        index: chunk.index,
        usedAt: chunk.usedAt,
        encoded: chunk.encoded(),
      })),
    }));
  }

  load(saved: readonly SavedSeen[]): void {
    for (const { origin, epoch, chunks } of saved) {
      for (const { index, usedAt, encoded } of chunks) this.#put(origin, epoch, decodeChunk(index, usedAt, encoded));
    }
  }

  #find(origin: PublicKey, epoch: Epoch): SeenBoot | undefined {
    const last = this.#last;
    if (last !== null && last.epoch === epoch && last.origin === origin) return last;
    const found = this.#boots.get(origin)?.get(epoch);
    if (found !== undefined) this.#last = found;
    return found;
  }

  #put(origin: PublicKey, epoch: Epoch, chunk: SeenChunk): SeenChunk {
    if (this.#chunks >= chunkLimit) {
      const oldest = this.#places().reduce((a, b) => (b.chunk.usedAt < a.chunk.usedAt ? b : a));
      this.#forget(oldest);
    }
    const boot = this.#find(origin, epoch) ?? this.#begin(origin, epoch);
    boot.chunks.set(chunk.index, chunk);
    this.#chunks++;
    return chunk;
  }

  #begin(origin: PublicKey, epoch: Epoch): SeenBoot {
    const boot = { origin, epoch, chunks: new Map<number, SeenChunk>() };
    const boots = this.#boots.get(origin) ?? new Map<Epoch, SeenBoot>();
    this.#boots.set(origin, boots.set(epoch, boot));
    this.#last = boot;
    return boot;
  }

  #forgetUnsaved(): void {
    const begun = new Set<SeenBoot>();
    let bytes = 0;
    for (const place of this.#places().sort((a, b) => b.chunk.usedAt - a.chunk.usedAt)) {
      const head = begun.has(place.boot) ? chunkHeadBytes : chunkHeadBytes + bootHeadBytes;
      bytes += head + place.chunk.encoded().length;
      if (bytes > this.#savedLimit) this.#forget(place);
      else begun.add(place.boot);
    }
  }

  #forget({ boot, chunk }: Place): void {
    const { origin, epoch, chunks } = boot;
    this.forgotten += chunk.count;
    chunks.delete(chunk.index);
    this.#chunks--;
    if (chunks.size > 0) return;
    const boots = this.#boots.get(origin);
    boots?.delete(epoch);
    if (boots?.size === 0) this.#boots.delete(origin);
    if (this.#last === boot) this.#last = null;
  }

  #places(): Place[] {
    return [...this.#all()].flatMap((boot) => [...boot.chunks.values()].map((chunk) => ({ boot, chunk })));
  }

  *#all(): Generator<SeenBoot> {
    for (const boots of this.#boots.values()) yield* boots.values();
  }
}

const indexOf = (sequence: number): number => Math.floor(sequence / chunkSequences);

import type { Chance } from './chance.ts';

const sectorBytes = 512;

interface Unsynced {
  readonly position: number;
  readonly bytes: Uint8Array;
}

/** A file's content twice: as programs see it (the page cache) and as it is on the medium, with what lies between. */
export class Inode {
  #cached = new Uint8Array(0);
  #stored = new Uint8Array(0);
  #size = 0;
  #storedSize = 0;
  #unsynced: Unsynced[] = [];
  /** A truncation that was not synced, as the size it made. */
  #shrunkTo: number | null = null;

  get size(): number {
    return this.#size;
  }

  get content(): Uint8Array {
    return this.#cached.subarray(0, this.#size);
  }

  clone(): Inode {
    const copy = new Inode();
    copy.#cached = this.#cached.slice();
    copy.#stored = this.#stored.slice();
    copy.#size = this.#size;
    copy.#storedSize = this.#storedSize;
    copy.#unsynced = [...this.#unsynced];
    copy.#shrunkTo = this.#shrunkTo;
    return copy;
  }

  read(into: Uint8Array, position: number): number {
    const count = Math.max(0, Math.min(into.length, this.#size - position));
    into.set(this.#cached.subarray(position, position + count));
    return count;
  }

  write(bytes: Uint8Array, position: number): void {
    this.#cached = put(this.#cached, bytes, position);
    this.#size = Math.max(this.#size, position + bytes.length);
    this.#unsynced.push({ position, bytes });
  }

  truncate(size: number): void {
    if (size > this.#size) {
      this.write(new Uint8Array(size - this.#size), this.#size);
      return;
    }
    this.#cached.fill(0, size);
    this.#size = size;
    this.#shrunkTo = Math.min(size, this.#shrunkTo ?? size);
    this.#unsynced = this.#unsynced
      .filter((write) => write.position < size)
      .map((write) => ({ position: write.position, bytes: write.bytes.subarray(0, size - write.position) }));
  }

  sync(): void {
    this.#shrink();
    for (const write of this.#unsynced) this.#store(write.bytes, write.position);
    this.#unsynced = [];
  }

  /** Makes one write durable that has been made; what was written elsewhere stays as it is. */
  syncWrite(bytes: Uint8Array): void {
    const index = this.#unsynced.findIndex((write) => write.bytes === bytes);
    const write = this.#unsynced[index];
    if (write === undefined) return;
    this.#store(write.bytes, write.position);
    // A page is on its way once: what was written there before goes with it and cannot come back.
    const before = this.#unsynced.slice(0, index).flatMap((older) => without(older, write));
    this.#unsynced = [...before, ...this.#unsynced.slice(index + 1)];
  }

  /** What Linux does: some pages got through, the others count as clean from now on though they are not stored. */
  failSync(chance: Chance): void {
    this.#storeSome(chance);
  }

  /** The medium keeps what was stored and a random part of what was under way. */
  powerCut(chance: Chance): void {
    this.#storeSome(chance);
    this.#cached = this.#stored.slice();
    this.#size = this.#storedSize;
  }

  flipBit(byte: number, bit: number): void {
    for (const content of [this.#cached, this.#stored]) {
      const found = content[byte];
      if (found !== undefined) content[byte] = found ^ (1 << bit);
    }
  }

  #storeSome(chance: Chance): void {
    if (chance.hits(0.5)) this.#shrink();
    const sectors = this.#unsynced.flatMap((write) => split(write));
    const share = chance.pick([0, 0.1, 0.5, 0.9, 1]);
    shuffle(sectors, chance);
    for (const sector of sectors) if (chance.hits(share)) this.#store(sector.bytes, sector.position);
    this.#unsynced = [];
    this.#shrunkTo = null;
  }

  #shrink(): void {
    const size = this.#shrunkTo;
    this.#shrunkTo = null;
    if (size === null || size >= this.#storedSize) return;
    this.#stored.fill(0, size);
    this.#storedSize = size;
  }

  #store(bytes: Uint8Array, position: number): void {
    this.#stored = put(this.#stored, bytes, position);
    this.#storedSize = Math.max(this.#storedSize, position + bytes.length);
  }
}

function put(content: Uint8Array<ArrayBuffer>, bytes: Uint8Array, position: number): Uint8Array<ArrayBuffer> {
  let target = content;
  if (position + bytes.length > content.length) {
    target = new Uint8Array(Math.max(position + bytes.length, content.length * 2));
    target.set(content);
  }
  target.set(bytes, position);
  return target;
}

/** What of `older` lies outside `newer`. */
function without(older: Unsynced, newer: Unsynced): Unsynced[] {
  const left = Math.max(0, Math.min(older.bytes.length, newer.position - older.position));
  const right = Math.max(left, Math.min(older.bytes.length, newer.position + newer.bytes.length - older.position));
  const pieces = [
    { position: older.position, bytes: older.bytes.subarray(0, left) },
    { position: older.position + right, bytes: older.bytes.subarray(right) },
  ];
  return pieces.filter((piece) => piece.bytes.length > 0);
}

function split(write: Unsynced): Unsynced[] {
  const pieces: Unsynced[] = [];
  for (let from = 0; from < write.bytes.length; ) {
    const position = write.position + from;
    const length = Math.min(sectorBytes - (position % sectorBytes), write.bytes.length - from);
    pieces.push({ position, bytes: write.bytes.subarray(from, from + length) });
    from += length;
  }
  return pieces;
}

function shuffle<T>(items: T[], chance: Chance): void {
  for (let index = items.length - 1; index > 0; index--) {
    const other = chance.between(0, index);
    const moved = items[index] as T;
    items[index] = items[other] as T;
    items[other] = moved;
  }
}

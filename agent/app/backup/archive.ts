import { crc32 } from '#crypto';
import { AgentError } from '#kernel';

/**
 * A backup is `HYPHABK1` and entries, each: crc u32 (of what follows) | kind u8 | path length u16 | offset u48 |
 * length u32 | path | bytes. Little-endian. Kinds: 1 bytes of a file at an offset; 2 what was said of files under the
 * path is void, and begins anew; 3 the end. Bytes that no entry names are zeros.
 */
export type Entry =
  | { readonly kind: 'bytes'; readonly path: string; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: 'again'; readonly path: string };

const magic = Buffer.from('HYPHABK1');
const headBytes = 17;
const longestPath = 1024;
const longestBytes = 1024 * 1024;
const kinds = { bytes: 1, again: 2, end: 3 } as const;

/** The archive of these entries, piece by piece. */
export async function* archiveOf(entries: AsyncIterable<Entry>): AsyncGenerator<Buffer> {
  yield magic;
  for await (const entry of entries) yield* encoded(entry);
  yield piece(kinds.end, '', 0, Buffer.alloc(0));
}

function* encoded(entry: Entry): Generator<Buffer> {
  if (entry.kind === 'again') {
    yield piece(kinds.again, entry.path, 0, Buffer.alloc(0));
    return;
  }
  const { path, offset, bytes } = entry;
  for (let at = 0; at === 0 || at < bytes.length; at += longestBytes)
    yield piece(kinds.bytes, path, offset + at, bytes.subarray(at, at + longestBytes));
}

function piece(kind: number, path: string, offset: number, bytes: Uint8Array): Buffer {
  const name = Buffer.from(path);
  const out = Buffer.allocUnsafe(headBytes + name.length + bytes.length);
  out.writeUInt8(kind, 4);
  out.writeUInt16LE(name.length, 5);
  out.writeUIntLE(offset, 7, 6);
  out.writeUInt32LE(bytes.length, 13);
  name.copy(out, headBytes);
  out.set(bytes, headBytes + name.length);
  out.writeUInt32LE(crc32(out.subarray(4)), 0);
  return out;
}

/** The entries of an archive. `backup/damaged` where it is cut short, changed, or none at all. */
export async function* entriesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Entry> {
  const reader = new Pieces(chunks);
  if (!(await reader.take(magic.length)).equals(magic)) throw damaged('found no backup of hypha');
  for (;;) {
    const head = await reader.take(headBytes);
    const nameLength = head.readUInt16LE(5);
    const length = head.readUInt32LE(13);
    if (nameLength > longestPath || length > longestBytes) throw damaged('found an entry out of bounds');
    const rest = await reader.take(nameLength + length);
    if (crc32(Buffer.concat([head.subarray(4), rest])) !== head.readUInt32LE(0)) throw damaged('found changed bytes');
    const path = rest.subarray(0, nameLength).toString();
    const kind = head.readUInt8(4);
    if (kind === kinds.end) return;
    if (!isInside(path)) throw damaged('found a path that leads elsewhere');
    if (kind === kinds.again) yield { kind: 'again', path };
    else yield { kind: 'bytes', path, offset: head.readUIntLE(7, 6), bytes: rest.subarray(nameLength) };
  }
}

/** Names of files below one directory, and nothing that leads out of it. */
const isInside = (path: string): boolean =>
  /^[\w.-]+(\/[\w.-]+)*$/.test(path) && !path.split('/').some((part) => part === '.' || part === '..');

const damaged = (found: string): AgentError =>
  new AgentError('backup/damaged', 'reject', `backup: ${found}, wanted it as hypha backup wrote it`);

/** Takes so many bytes at a time from chunks of any size. */
class Pieces {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #held: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  async take(bytes: number): Promise<Buffer> {
    const parts: Buffer[] = [this.#held];
    let length = this.#held.length;
    while (length < bytes) {
      const next = await this.#chunks.next();
      if (next.done === true) throw damaged('found it cut short');
      parts.push(Buffer.from(next.value.buffer, next.value.byteOffset, next.value.length));
      length += next.value.length;
    }
    const all = parts.length === 1 ? this.#held : Buffer.concat(parts);
    this.#held = all.subarray(bytes);
    return all.subarray(0, bytes);
  }
}

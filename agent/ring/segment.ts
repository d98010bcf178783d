import { crc32 } from 'node:zlib';
import { AgentError, pageBytes } from '#kernel';
import { formatVersion, getUint48, putUint48, viewOf } from './layout.ts';

const magic = 0x53525948; // HYRS

/** The first page of a segment. */
export interface SegmentHeader {
  readonly ringId: Uint8Array;
  readonly id: number;
  /** The first sequence it may hold; batches of earlier segments from there on are superseded copies. */
  readonly first: number;
  readonly segmentBytes: number;
  readonly slot: number;
  /** Compacted: it stands in the place of older ones, under the id of the last of them. */
  readonly sparse: boolean;
  /** The key that its batches are enciphered under, 16 hex digits; null: none. One key a segment. */
  readonly keyId: string | null;
}

/** A live segment. Batches lie in it from its second page on, without holes. */
export interface Segment {
  readonly id: number;
  /** Its place in the file; -1 when the segment is lost and only its account remains. */
  readonly slot: number;
  readonly first: number;
  /** The last durable sequence in it; `first - 1` while there is none. */
  last: number;
  /** Where the next batch goes, from the segment's start. */
  end: number;
  /** Messages in it that matched, by cursor. */
  readonly matches: Map<number, number>;
  /** What its messages take, by lane. */
  readonly laneBytes: number[];
  /** Records' birth on the ring's clock, roughly: that of the segment's first batch. */
  born: number;
  /** Why a lost segment is lost. */
  readonly lost: 'full' | 'damaged' | null;
  /** Compacted: what no cursor wanted any more is not in it. */
  readonly sparse: boolean;
}

export function encodeSegmentHeader(header: SegmentHeader): Uint8Array {
  const page = new Uint8Array(pageBytes);
  const view = viewOf(page);
  view.setUint32(0, magic, true);
  view.setUint16(4, formatVersion, true);
  view.setUint16(6, header.sparse ? 1 : 0, true);
  page.set(header.ringId, 8);
  putUint48(view, 24, header.id);
  putUint48(view, 32, header.first);
  view.setUint32(40, header.segmentBytes, true);
  view.setUint32(44, header.slot, true);
  if (header.keyId !== null) page.set(Buffer.from(header.keyId, 'hex'), 48);
  view.setUint32(pageBytes - 4, crc32(page.subarray(0, pageBytes - 4)), true);
  return page;
}

/** Null when the page is no whole segment header. Throws `ring/version` for one that a newer version wrote. */
export function decodeSegmentHeader(page: Uint8Array): SegmentHeader | null {
  if (page.length < pageBytes) return null;
  const view = viewOf(page);
  if (view.getUint32(0, true) !== magic) return null;
  if (view.getUint32(pageBytes - 4, true) !== crc32(page.subarray(0, pageBytes - 4))) return null;
  refuseNewer(view.getUint16(4, true));
  return {
    ringId: page.slice(8, 24),
    id: getUint48(view, 24),
    first: getUint48(view, 32),
    segmentBytes: view.getUint32(40, true),
    slot: view.getUint32(44, true),
    sparse: (view.getUint16(6, true) & 1) === 1,
    keyId: page.subarray(48, 56).every((byte) => byte === 0)
      ? null
      : Buffer.from(page.subarray(48, 56)).toString('hex'),
  };
}

export function refuseNewer(version: number): void {
  if (version <= formatVersion) return;
  const text = `ring: format ${version} found, ${formatVersion} known: run the version that wrote it`;
  throw new AgentError('ring/version', 'reconfigure', text);
}

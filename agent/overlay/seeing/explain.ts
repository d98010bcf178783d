import { bytes, type Explained, hex, type Layout, layout } from '#codec';
import { bufferOver, hexOf } from '#kernel';
import { beaconBytes, beaconLayout } from '../wire/beacon.ts';
import { controlPacket, layoutOfType } from '../wire/control.ts';
import { dataHeaderBytes, dataPacket } from '../wire/data.ts';
import { frameHeader, frameHeaderBytes, frameType } from '../wire/frame.ts';
import { meaningOf } from './meanings.ts';

/** One field of a frame: where it stands in the bytes given, what they are, and what they mean. */
export interface ExplainedField extends Explained {
  /** The table that the field is a row of. */
  readonly layout: string;
}

/** What one frame is, and every byte of it. A field of type `refused` says what is wrong from there on. */
export interface ExplainedFrame {
  readonly offset: number;
  readonly size: number;
  /** `update`, `hello`, `data`, `beacon` …; `broken`: no frame. */
  readonly what: string;
  readonly fields: readonly ExplainedField[];
}

const controlHeaderBytes = frameHeaderBytes + 6;
const tagBytes = 16;
const nonceBytes = 12;

/**
 * Field by field, from the tables that encode and decode, every frame that stands in a stretch of a link's bytes (or one
 * beacon). Never throws, and the fields of a frame cover it without a gap.
 */
export function explain(from: Uint8Array): readonly ExplainedFrame[] {
  const all = bufferOver(from);
  const frames: ExplainedFrame[] = [];
  for (let at = 0; at < all.length; ) {
    const frame = explainFrame(all.subarray(at), at);
    frames.push(frame);
    at += frame.size;
  }
  return frames;
}

/** The first frame in `from`, which stands at `offset` of the whole. At least one byte long. */
function explainFrame(from: Buffer, offset: number): ExplainedFrame {
  if (from.toString('latin1', 0, 8) === 'mycelium') {
    return asFrame('beacon', offset, rowsOf(beaconLayout, from.subarray(0, beaconBytes), 0));
  }
  const header = rowsOf(frameHeader, from.subarray(0, frameHeaderBytes), 0);
  const [version, type] = from;
  const isKnown = type === frameType.data || type === frameType.control;
  if (from.length < frameHeaderBytes || version !== 1) return asFrame('broken', offset, refuseRest(header, from));
  if (!isKnown) return asFrame('broken', offset, [...header, unknownType(from)]);
  const { what, fields } = type === frameType.data ? explainData(from) : explainControl(from);
  return asFrame(what, offset, [...header, ...fields]);
}

function asFrame(what: string, offset: number, fields: readonly ExplainedField[]): ExplainedFrame {
  const last = fields.at(-1);
  const size = last === undefined ? 0 : last.offset + last.size;
  return { offset, size, what, fields: fields.map((field) => ({ ...field, offset: field.offset + offset })) };
}

interface Part {
  readonly what: string;
  readonly fields: readonly ExplainedField[];
}

function explainData(from: Buffer): Part {
  const size = from.length < dataHeaderBytes ? from.length : dataHeaderBytes + from.readUInt16BE(frameHeaderBytes + 1);
  const rows = rowsOf(dataPacket, from.subarray(frameHeaderBytes, size), frameHeaderBytes);
  const last = rows.at(-1);
  if (last?.name !== 'payload') return { what: 'data', fields: rows };
  const head = rows.slice(0, -1);
  const here = from.subarray(last.offset, last.offset + last.size);
  if (last.type !== 'refused') return { what: 'data', fields: [...head, ...explainSealed(here, last)] };
  const text = `${here.length} bytes here, ${size - dataHeaderBytes} on the wire`;
  return { what: 'data', fields: [...head, { ...last, type: 'cut', text }] };
}

/** Ciphertext, tag and nonce: nobody but the two ends can say more. WIRE.md §3.1. */
function explainSealed(payload: Buffer, row: ExplainedField): readonly ExplainedField[] {
  const sealedBytes = payload.length - tagBytes - nonceBytes;
  if (sealedBytes < 0) return [{ ...row, text: `${payload.length} bytes, too few to be sealed` }];
  const sealed = layout('sealed', { ciphertext: bytes(sealedBytes), tag: hex(tagBytes), nonce: hex(nonceBytes) });
  return rowsOf(sealed, payload, row.offset);
}

function explainControl(from: Buffer): Part {
  const packet = from.subarray(frameHeaderBytes, frameHeaderBytes + controlSize(from));
  const rows = rowsOf(controlPacket, packet, frameHeaderBytes);
  const type = from[controlHeaderBytes - 2] ?? 0;
  const body = rows.at(-1);
  if (body?.name !== 'body' || body.type === 'refused') return { what: 'control', fields: rows };
  const table = layoutOfType(type);
  if (table === null) {
    return { what: 'control', fields: [...rows.slice(0, -1), { ...body, text: `of TLV type ${type}: skipped` }] };
  }
  const inside = from.subarray(body.offset, body.offset + body.size);
  return { what: table.name, fields: [...rows.slice(0, -1), ...rowsOf(table, inside, body.offset)] };
}

/** Bytes of a control packet, without the frame header. One of another protocol is as long as it says, and skipped. */
function controlSize(from: Buffer): number {
  if (from.length < controlHeaderBytes) return from.length;
  const isBabel = from[frameHeaderBytes] === 42 && from[frameHeaderBytes + 1] === 3;
  return isBabel ? 6 + (from[controlHeaderBytes - 1] ?? 0) : 4 + from.readUInt16BE(frameHeaderBytes + 2);
}

/** The rows of a table, `at` bytes into the frame. Where it refuses, one row says so and takes all that is left. */
function rowsOf(table: Layout<never> | Layout<object>, from: Uint8Array, at: number): readonly ExplainedField[] {
  const rows = table.explain(from);
  const refused = rows.find(({ type }) => type === 'refused');
  const kept = refused === undefined ? rows : rows.filter((row) => row === refused || row.offset < refused.offset);
  return kept.map((row) => ({
    ...row,
    layout: table.name,
    offset: row.offset + at,
    text: meaningOf(table.name, row, kept) ?? row.text,
  }));
}

function refuseRest(header: readonly ExplainedField[], from: Buffer): readonly ExplainedField[] {
  const last = header.at(-1);
  if (last === undefined) return header;
  const rest = { ...last, size: from.length - last.offset, hex: hexOf(from, last.offset) };
  return [...header.slice(0, -1), rest];
}

function unknownType(from: Buffer): ExplainedField {
  return {
    layout: 'frame',
    offset: frameHeaderBytes,
    size: from.length - frameHeaderBytes,
    name: 'rest',
    type: 'refused',
    hex: hexOf(from, frameHeaderBytes),
    text: `a frame of type ${from[1]}, wanted 0 or 1`,
  };
}

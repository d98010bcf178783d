import { readdirSync, readFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { Fields } from './bytes.ts';
import { Ledger } from './ledger.ts';

const trailerBytes = 16;

/** What a ring knew at `position`. */
export interface Checkpoint {
  readonly position: number;
  readonly segmentIds: readonly number[];
  /** The accounts up to the position; later records are still to be applied. */
  readonly ledger: Ledger;
}

/** The newest whole checkpoint, or null. */
export function newestCheckpoint(directory: string): Checkpoint | null {
  const names = readdirSync(directory).filter((name) => /^checkpoint-\d{12}$/.test(name));
  for (const name of names.sort().reverse()) {
    const bytes = readFileSync(`${directory}/${name}`);
    if (isWhole(bytes)) return parse(bytes);
  }
  return null;
}

function isWhole(bytes: Buffer): boolean {
  const end = bytes.length - trailerBytes;
  if (end < 0 || bytes.toString('latin1', end, end + 4) !== 'HYCE') return false;
  return bytes.readUIntLE(end + 8, 6) === end && bytes.readUInt32LE(end + 4) === crc32(bytes.subarray(0, end));
}

function parse(bytes: Buffer): Checkpoint {
  const fields = new Fields(bytes, 4);
  const version = fields.u16();
  if (version !== 1) throw new Error(`ring reader: checkpoint version ${version}, wanted 1`);
  fields.bytes(2 + 16 + 4 + 4 + 12 + 6);
  const position = fields.u48();
  fields.bytes(6 + 4 + 4);
  const segmentIds = fields.list(() => segmentId(fields));
  const ledger = new Ledger();
  fields.list(() => {
    ledger.nameOrigin(fields.u16(), fields.hex(32), fields.hex(12));
    fields.u48();
  });
  fields.list(() => cursor(fields, ledger));
  return { position, segmentIds, ledger };
}

function segmentId(fields: Fields): number {
  const id = fields.u48();
  fields.bytes(4 + 6 + 6 + 4 + 6 + 2);
  fields.list(() => fields.bytes(8));
  return id;
}

function cursor(fields: Fields, ledger: Ledger): void {
  const own = new Fields(fields.bytes(fields.u32()));
  const [name, except] = [own.longText(), own.hex(32)];
  own.u48();
  const matched = own.u48();
  const periods = own.list(() => {
    own.u48();
    return own.list(() => own.longText());
  });
  const settle = own.bytes(own.u32());
  ledger.openCursor(settle.readUInt32LE(0), name, except, periods.at(-1) ?? [], matched);
  ledger.settle(new Fields(settle));
}

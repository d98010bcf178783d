import { crc32 } from 'node:zlib';
import { hex, isRefusal, layout, u32, u64 } from '#codec';

export const slotBytes = 32;
const checkBytes = 4;

/** What the check begins with: "HyT" and a version. Another version's slots are as good as empty. */
const checkSeed = 0x4879_5401;

/** One taken message. Ours. check: CRC-32 of what follows; sender: of its key; identity: of its file's digest. */
const takenSlot = layout('inbox-taken', {
  check: u32,
  sequence: u64,
  sender: hex<string>(8),
  identity: hex<string>(12),
});

export interface TakenSlot {
  /** Rises with every message that is taken. */
  readonly sequence: number;
  readonly sender: string;
  readonly identity: string;
}

export function encodeTakenSlot(slot: TakenSlot, into: Uint8Array, at: number): void {
  takenSlot.encodeInto({ ...slot, check: 0 }, into, at);
  const check = checkOf(into.subarray(at, at + slotBytes));
  takenSlot.encodeInto({ ...slot, check }, into, at);
}

/** Null: empty, torn or decayed. */
export function decodeTakenSlot(bytes: Uint8Array): TakenSlot | null {
  const found = takenSlot.decode(bytes);
  if (isRefusal(found) || found.check !== checkOf(bytes)) return null;
  const { sequence, sender, identity } = found;
  return { sequence, sender, identity };
}

const checkOf = (bytes: Uint8Array): number => crc32(bytes.subarray(checkBytes), checkSeed);

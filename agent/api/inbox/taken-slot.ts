import { hex, isRefusal, layout, u32, u64 } from '#codec';
import { blake3 } from '#crypto';

export const slotBytes = 32;
const checkBytes = 4;

/** "HyT" and a version, laid over the check: another version's slots are as good as empty. */
const checkMask = 0x4879_5401;

/** One taken message. Ours. check: the first bytes of the BLAKE3 of what follows; sender: of its key; identity: of its file's digest. */
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

function checkOf(bytes: Uint8Array): number {
  const found = blake3(bytes.subarray(checkBytes)).subarray(0, checkBytes);
  return (found.reduce((value, byte) => value * 256 + byte, 0) ^ checkMask) >>> 0;
}

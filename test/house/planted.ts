import type { Target } from '../../scripts/fuzz/target.ts';

/** Decoders with a fault each, for the fuzzer to find (fuzz.test.ts). */
export const targets: readonly Target[] = [
  { name: 'planted-throw', seeds: () => [new Uint8Array(16)], run: throws },
  { name: 'planted-length', seeds: () => [new Uint8Array(16)], run: trusts },
  { name: 'planted-hang', seeds: () => [new Uint8Array(16)], run: hangs },
  { name: 'planted-none', seeds: () => [new Uint8Array(16)], run: () => {} },
];

/** Behind a magic number, a kind and a length. */
function throws(bytes: Uint8Array): void {
  if (bytes.length < 12) return;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const magic = view.getUint32(0);
  const length = view.getUint16(6);
  if (magic !== 0x48595048) return;
  if (bytes[4] !== 3 || bytes[5] !== 0x41) return;
  if (length === bytes.length - 8) throw new RangeError('offset is out of bounds');
}

function trusts(bytes: Uint8Array): void {
  if (bytes[0] !== 7 || bytes.length < 5) return;
  Buffer.alloc(Buffer.from(bytes).readUInt32BE(1) & 0x3ffffff);
}

function hangs(bytes: Uint8Array): void {
  if (bytes[0] !== 9 || bytes.length < 5) return;
  let at = 1;
  while (at < bytes.length) at += bytes[at] ?? 0;
}

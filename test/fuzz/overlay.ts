import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { isRefusal } from '#codec';
import { assert } from '#kernel';
import { decodeControl, encodeControl } from '../../agent/overlay/wire/control.ts';
import { frameHeaderBytes } from '../../agent/overlay/wire/frame.ts';
import { Framer } from '../../agent/overlay/wire/framer.ts';
import type { Target } from '../../scripts/fuzz/target.ts';
import { assertSame, hex } from './same.ts';

interface Vectors {
  readonly transcripts: readonly { readonly frames: readonly { readonly hex: string }[] }[];
}

/** Frames of a stock daemon (test/vectors). */
export function frames(): Buffer[] {
  const path = new URL('../vectors/mycelium.json', import.meta.url);
  const { transcripts } = JSON.parse(readFileSync(path, 'utf8')) as Vectors;
  return transcripts.flatMap((each) => each.frames.map((frame) => Buffer.from(frame.hex, 'hex')));
}

export const overlay: readonly Target[] = [
  {
    name: 'overlay-framer',
    seeds: () => [Buffer.concat(frames().slice(0, 6)), ...frames().slice(0, 40)],
    run: (bytes) => {
      assert(isDeepStrictEqual(framed([bytes]), framed(cutUp(bytes))), 'a stream reads the same however it is cut');
    },
  },
  {
    name: 'overlay-control',
    seeds: () =>
      frames()
        .filter((frame) => frame[1] === 1)
        .map((frame) => frame.subarray(frameHeaderBytes)),
    run: (bytes) => {
      const control = decodeControl(bytes);
      if (control === 'unknown' || isRefusal(control)) return;
      const written = encodeControl(control).subarray(frameHeaderBytes);
      const again = decodeControl(written);
      assert(again !== 'unknown' && !isRefusal(again), `${hex(written)} refused`);
      assertSame(written, encodeControl(again).subarray(frameHeaderBytes));
    },
  },
];

function framed(pieces: readonly Uint8Array[]): unknown {
  const found: string[] = [];
  const framer = new Framer({
    data: (frame) => found.push(`data ${hex(frame)}`),
    control: (packet) => found.push(`control ${hex(packet)}`),
    skipped: () => found.push('skipped'),
  });
  let taken = 0;
  for (const piece of pieces) {
    taken += piece.length;
    const broken = framer.push(piece);
    assert(framer.memoryBytes <= Math.max(64, 2 * taken), `${framer.memoryBytes} held of ${taken} bytes`);
    if (broken !== null) return [...found, broken];
  }
  return found;
}

/** In pieces whose sizes follow from the bytes themselves. */
function cutUp(bytes: Uint8Array): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = 1 + ((bytes[at] ?? 0) % 13);
    pieces.push(bytes.slice(at, at + size));
    at += size;
  }
  return pieces;
}

import type { Chance } from '../../test/sim/index.ts';

/** What a mutation may draw on: other inputs to splice with, and numbers the code under test compared. */
export interface Material {
  readonly others: readonly Uint8Array[];
  readonly pairs: readonly (readonly [number, number])[];
  readonly maxBytes: number;
}

type Mutation = (bytes: Uint8Array, chance: Chance, material: Material) => Uint8Array;

const telling = [
  0, 1, 2, 127, 128, 255, 256, 1023, 1024, 4095, 4096, 32767, 32768, 65535, 65536, 0x7fffffff, 0xffffffff,
];

const mutations: readonly Mutation[] = [
  flipBit,
  setByte,
  setByte,
  nudgeByte,
  setNumber,
  cut,
  shorten,
  insert,
  repeat,
  splice,
  borrow,
  answerComparison,
  answerComparison,
];

/** A few mutations one after the other; never longer than `material.maxBytes`. */
export function mutate(bytes: Uint8Array, chance: Chance, material: Material): Uint8Array {
  let mutated = bytes.slice();
  for (let left = 1 + Math.floor(chance.fraction() ** 2 * 6); left > 0; left--) {
    mutated = chance.pick(mutations)(mutated, chance, material).slice(0, material.maxBytes);
  }
  return mutated;
}

const within = (bytes: Uint8Array, chance: Chance): number => chance.between(0, Math.max(0, bytes.length - 1));

function flipBit(bytes: Uint8Array, chance: Chance): Uint8Array {
  const at = within(bytes, chance);
  if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ (1 << chance.between(0, 7));
  return bytes;
}

function setByte(bytes: Uint8Array, chance: Chance): Uint8Array {
  const at = within(bytes, chance);
  if (at < bytes.length) bytes[at] = chance.hits(0.5) ? chance.pick(telling) & 0xff : chance.between(0, 255);
  return bytes;
}

function nudgeByte(bytes: Uint8Array, chance: Chance): Uint8Array {
  const at = within(bytes, chance);
  if (at < bytes.length) bytes[at] = ((bytes[at] ?? 0) + chance.between(-8, 8)) & 0xff;
  return bytes;
}

function setNumber(bytes: Uint8Array, chance: Chance): Uint8Array {
  const number = encoded(chance.pick(telling), chance);
  if (number.length <= bytes.length) bytes.set(number, chance.between(0, bytes.length - number.length));
  return bytes;
}

function cut(bytes: Uint8Array, chance: Chance): Uint8Array {
  const from = within(bytes, chance);
  const length = chance.between(1, Math.max(1, Math.min(64, bytes.length - from)));
  return Buffer.concat([bytes.subarray(0, from), bytes.subarray(from + length)]);
}

function shorten(bytes: Uint8Array, chance: Chance): Uint8Array {
  return bytes.slice(0, within(bytes, chance));
}

function insert(bytes: Uint8Array, chance: Chance): Uint8Array {
  const at = within(bytes, chance);
  const filler = chance.hits(0.5) ? chance.bytes(chance.between(1, 16)) : new Uint8Array(chance.between(1, 16));
  return Buffer.concat([bytes.subarray(0, at), filler, bytes.subarray(at)]);
}

function repeat(bytes: Uint8Array, chance: Chance): Uint8Array {
  const from = within(bytes, chance);
  const to = Math.min(bytes.length, from + chance.between(1, 64));
  return Buffer.concat([bytes.subarray(0, to), bytes.subarray(from, to), bytes.subarray(to)]);
}

function splice(bytes: Uint8Array, chance: Chance, { others }: Material): Uint8Array {
  const other = chance.pick(others);
  return Buffer.concat([bytes.subarray(0, within(bytes, chance)), other.subarray(within(other, chance))]);
}

function borrow(bytes: Uint8Array, chance: Chance, { others }: Material): Uint8Array {
  const other = chance.pick(others);
  const from = within(other, chance);
  const piece = other.subarray(from, from + chance.between(1, 32));
  if (piece.length <= bytes.length) bytes.set(piece, chance.between(0, bytes.length - piece.length));
  return bytes;
}

/** Puts the number that the code wanted where the number that it found stands. */
function answerComparison(bytes: Uint8Array, chance: Chance, { pairs }: Material): Uint8Array {
  if (pairs.length === 0) return setByte(bytes, chance);
  const pair = chance.pick(pairs);
  const [found, wanted] = chance.hits(0.5) ? pair : [pair[1], pair[0]];
  const form = chance.pick(forms);
  const at = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf(form(found), within(bytes, chance) >> 1);
  const answer = form(wanted + (chance.hits(0.2) ? chance.between(-1, 1) : 0));
  if (at >= 0 && at + answer.length <= bytes.length) bytes.set(answer, at);
  return bytes;
}

const forms: readonly ((value: number) => Uint8Array)[] = [
  (value) => Uint8Array.of(value),
  (value) => Uint8Array.of(value >> 8, value),
  (value) => Uint8Array.of(value, value >> 8),
  (value) => Uint8Array.of(value >> 24, value >> 16, value >> 8, value),
  (value) => Uint8Array.of(value, value >> 8, value >> 16, value >> 24),
];

function encoded(value: number, chance: Chance): Uint8Array {
  return chance.pick(forms)(value);
}

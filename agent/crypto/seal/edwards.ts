/**
 * Arithmetic of edwards25519 in BigInt (RFC 8032 §5.1): not constant in time. With libsodium it meets public values and
 * one product of scalars at installation; without, also the one base point multiplication there.
 */
const prime = 2n ** 255n - 19n;
/** The order of the base point. */
export const groupOrder = 2n ** 252n + 27742317777372353535851937790883648493n;
const twoD = 2n * modulo(-121665n * inverse(121666n));
const baseY = modulo(4n * inverse(5n));
const baseX = 15112221349535400772501151409588531511454012693041857206046113283949847762202n;

interface Point {
  readonly x: bigint;
  readonly y: bigint;
  readonly z: bigint;
  readonly t: bigint;
}

const base: Point = { x: baseX, y: baseY, z: 1n, t: modulo(baseX * baseY) };
const neutral: Point = { x: 0n, y: 1n, z: 1n, t: 0n };

/** The base point times a scalar, compressed: y with the sign of x on top. */
export function edwardsBase(out: Buffer, scalar: Buffer): void {
  let sum = neutral;
  const bits = numberOf(scalar);
  for (let bit = 255n; bit >= 0n; bit--) {
    sum = add(sum, sum);
    if ((bits >> bit) & 1n) sum = add(sum, base);
  }
  const z = inverse(sum.z);
  const x = modulo(sum.x * z);
  writeNumber(out, modulo(sum.y * z) | ((x & 1n) << 255n));
}

/** The Edwards point of a Montgomery u with x even: y = (u − 1) / (u + 1). Null where there is none (u = −1). */
export function edwardsOf(u: Buffer): Buffer | null {
  const value = numberOf(u);
  if (modulo(value + 1n) === 0n) return null;
  const out = Buffer.alloc(32);
  writeNumber(out, modulo((value - 1n) * inverse(value + 1n)));
  return out;
}

/** A u-coordinate below the prime, top bit clear: there is one way to write each key. */
export function isCanonical(u: Buffer): boolean {
  return numberOf(u) < prime;
}

export function numberOf(bytes: Buffer): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`);
}

export function writeNumber(out: Buffer, value: bigint): void {
  Buffer.from(value.toString(16).padStart(64, '0'), 'hex').reverse().copy(out);
}

/** Extended coordinates, RFC 8032 §5.1.4; complete, so that it doubles too. */
function add(one: Point, other: Point): Point {
  const a = modulo((one.y - one.x) * (other.y - other.x));
  const b = modulo((one.y + one.x) * (other.y + other.x));
  const c = modulo(one.t * twoD * other.t);
  const d = modulo(2n * one.z * other.z);
  const [e, f, g, h] = [b - a, d - c, d + c, b + a];
  return { x: modulo(e * f), y: modulo(g * h), z: modulo(f * g), t: modulo(e * h) };
}

function modulo(value: bigint): bigint {
  const rest = value % prime;
  return rest < 0n ? rest + prime : rest;
}

function inverse(value: bigint): bigint {
  let result = 1n;
  let power = modulo(value);
  for (let rest = prime - 2n; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = modulo(result * power);
    power = modulo(power * power);
  }
  return result;
}

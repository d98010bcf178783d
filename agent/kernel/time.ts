import type { Brand } from './brand.ts';

/** Monotonic milliseconds since an arbitrary start; fractions allowed. Never compared across processes. */
export type Instant = Brand<number, 'Instant'>;
/** Milliseconds between two instants. */
export type Duration = Brand<number, 'Duration'>;
/** Milliseconds since 1970 as this machine believes them. Only ever shown to people: no decision hangs on it. */
export type WallTime = Brand<number, 'WallTime'>;

export const instant = (ms: number): Instant => ms as Instant;
export const milliseconds = (ms: number): Duration => ms as Duration;
export const seconds = (s: number): Duration => (s * 1000) as Duration;
export const minutes = (m: number): Duration => (m * 60_000) as Duration;
export const after = (start: Instant, wait: Duration): Instant => (start + wait) as Instant;
export const since = (start: Instant, end: Instant): Duration => (end - start) as Duration;
export const never: Instant = Number.POSITIVE_INFINITY as Instant;

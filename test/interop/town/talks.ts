import type { ExecutionContext } from 'ava';
import { waitMs } from '../stock.ts';
import type { Citizen } from './citizen.ts';

let said = 0;

/** A text that was never said before. */
export const news = (about: string): string => `${about} ${++said}`;

/** A message from the one to the other; resolves with how many milliseconds it took to arrive. */
export async function crosses(t: ExecutionContext, from: Citizen, to: Citizen, about: string): Promise<number> {
  const text = news(about);
  const begun = performance.now();
  await from.send(to, text);
  await to.inbox.gets(text);
  const took = performance.now() - begun;
  t.is(to.inbox.fromWhom(text), from.publicKey, `${text}: from whom`);
  while (!(await from.isAcknowledged(text))) await waitMs(20);
  return took;
}

/** Messages from everyone to everyone else, all at once. */
export async function everyoneTalks(t: ExecutionContext, citizens: readonly Citizen[], about: string): Promise<void> {
  const pairs = citizens.flatMap((from) => citizens.filter((to) => to !== from).map((to) => [from, to] as const));
  await Promise.all(pairs.map(([from, to]) => crosses(t, from, to, about)));
}

import { CommandError, exitCodes } from '../exit.ts';
import { duration, size } from '../output.ts';

/** What `[ring]` status says of its writes. */
export interface Writes {
  readonly sinceStart: { readonly bytes: number; readonly spanMs: number };
  readonly lately: { readonly bytes: number; readonly spanMs: number };
  readonly budgetBytesPerDay: number | null;
  readonly overBudget: boolean;
  readonly commitWindowMs: number;
}

/** Erase cycles of each cell that makers and testers give; a card's own data sheet is better. */
const cyclesOf: Readonly<Record<string, number>> = { consumer: 500, endurance: 3_000, industrial: 20_000 };
/** A card writes larger pieces than it is given. */
const insideCard = 4;
const dayMs = 86_400_000;
/** Less than this says nothing about a day. */
const leastSpanMs = 60_000;

/** `32GB/consumer`: gigabytes (as cards are sold: of 10^9 bytes) and a class of endurance. */
export interface Card {
  readonly gigabytes: number;
  readonly kind: string;
}

export function cardOf(written: string): Card {
  const [, digits = '', kind = 'consumer'] = /^(\d{1,5}) ?GB(?:\/([a-z]+))?$/.exec(written) ?? [];
  if (Number(digits) > 0 && cyclesOf[kind] !== undefined) return { gigabytes: Number(digits), kind };
  const wanted = Object.keys(cyclesOf).join(', ');
  throw new CommandError(
    exitCodes.usage,
    `--card: found ${JSON.stringify(written)}, wanted a size and a class, such as 32GB/consumer (${wanted})`,
  );
}

export interface Wrote {
  readonly payloadBytes: number;
  readonly bytesWritten: number;
  readonly writes: Writes;
}

/** Bytes a day, windows and budget, and how long a card would bear it. */
export function writesText({ payloadBytes, bytesWritten, writes }: Wrote, card: Card): string {
  const { sinceStart, lately, budgetBytesPerDay, overBudget } = writes;
  const perByte = payloadBytes === 0 ? '' : `, ${(bytesWritten / payloadBytes).toFixed(2)} for each byte of content`;
  const budget = budgetBytesPerDay === null ? '' : ` of ${size(budgetBytesPerDay)} a day`;
  const over = overBudget ? ': over the budget, so commits gather longer' : '';
  return [
    `written: ${size(lately.bytes)} in the last ${duration(lately.spanMs)} of running${budget}, ${size(sinceStart.bytes)} since the start${perByte}${over}`,
    wearText(lately, card),
  ].join('\n');
}

function wearText({ bytes, spanMs }: Writes['lately'], { gigabytes, kind }: Card): string {
  if (spanMs < leastSpanMs || bytes === 0) return 'wear: too little was written yet to tell';
  const cycles = cyclesOf[kind] ?? 0;
  const perDay = (bytes * dayMs) / spanMs;
  const years = (gigabytes * 1e9 * cycles) / (perDay * insideCard) / 365;
  const said =
    years >= 100 ? 'over 100 years' : years < 1 ? `${Math.round(years * 12)} months` : `${years.toFixed(1)} years`;
  return `wear: ${said} at ${size(perDay)} a day, assuming ${gigabytes} GB, ${cycles} erase cycles (${kind}), levelled, each byte ${insideCard} times inside the card`;
}

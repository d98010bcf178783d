import { CommandError, exitCodes } from './exit.ts';

/** A whole number within its bounds, or exit code 2. */
export function parseWhole(option: string, text: string, least: number, most: number): number {
  const found = Number(text);
  if (text.trim() !== '' && Number.isInteger(found) && found >= least && found <= most) return found;
  const wanted = `a whole number from ${least} to ${most}`;
  throw new CommandError(exitCodes.usage, `${option}: found ${JSON.stringify(text)}, wanted ${wanted}`);
}

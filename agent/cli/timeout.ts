import { CommandError, exitCodes } from './exit.ts';

/** Whole seconds up to an hour. */
export function parseTimeout(text: string): number {
  const found = Number(text);
  if (Number.isInteger(found) && found >= 0 && found <= 3600) return found;
  throw new CommandError(exitCodes.usage, `--timeout: found ${JSON.stringify(text)}, wanted whole seconds up to 3600`);
}

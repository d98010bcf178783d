import { findIdentity } from '#app';
import { tryAsk } from '../client.ts';
import { CommandError, exitCodes } from '../exit.ts';
import { print, printJson } from '../output.ts';
import { type CommonOptions, type Places, placesOf } from '../paths.ts';
import { loadSettings } from '../settings.ts';
import { type Card, cardLines, cardOfIdentity } from './card.ts';

interface Listening {
  readonly listening?: {
    readonly mqtt: readonly string[];
    readonly overlay: readonly string[];
    readonly api: readonly string[];
  };
}

/** From the running agent (then with where it listens), else from the key file. */
export async function id(options: CommonOptions): Promise<void> {
  const places = placesOf(options);
  const running = await tryAsk(places.data, 'GET', '/hypha/v1/id');
  const card = running === null ? await fromFiles(places) : (running.body as Card & Listening);
  if (options.json) return printJson(card);
  for (const line of cardLines(card)) print(line);
  const listening = 'listening' in card ? card.listening : undefined;
  for (const [part, at] of Object.entries(listening ?? {})) print(`${part.padEnd(15)}${at.join(' ') || 'none'}`);
}

async function fromFiles(places: Places): Promise<Card & Listening> {
  const identity = await findIdentity(places.data);
  if (identity === null) {
    throw new CommandError(
      exitCodes.unavailable,
      `${places.data}: found no identity.key, wanted one; make it with: hypha init`,
    );
  }
  return cardOfIdentity(identity, (await loadSettings(places)).name);
}

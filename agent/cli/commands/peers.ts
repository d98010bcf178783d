import { parsePeer } from '#kernel';
import { ask } from '../client.ts';
import { CommandError, exitCodes } from '../exit.ts';
import { print, printJson } from '../output.ts';
import { type CommonOptions, placesOf } from '../paths.ts';

/** Peers of the running agent, until it stops: those of the configuration come back with its next start. */

export async function addPeer(url: string, options: CommonOptions & { readonly proxy?: string }): Promise<void> {
  const { proxy } = options;
  refuseOther(url);
  const { body } = await ask(
    placesOf(options).data,
    'POST',
    '/hypha/v1/peers',
    proxy === undefined ? { url } : { url, proxy },
  );
  if (options.json) return printJson(body);
  print(
    `${url} is being dialled until the agent stops; to keep it, add it to peers under [overlay], or to the stock daemon's own`,
  );
}

export async function removePeer(url: string, options: CommonOptions): Promise<void> {
  refuseOther(url);
  await ask(placesOf(options).data, 'DELETE', `/hypha/v1/peers?url=${encodeURIComponent(url)}`);
  if (options.json) return printJson({ url });
  print(`${url} is not dialled any more; if the configuration names it, the next start does again`);
}

/** Before an agent is asked: also without one it is said what an address looks like. */
function refuseOther(url: string): void {
  const parsed = parsePeer(url);
  if (!parsed.ok)
    throw new CommandError(exitCodes.usage, `peer: found ${JSON.stringify(url)}, wanted ${parsed.wanted}`);
}

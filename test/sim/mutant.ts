import { registerHooks } from 'node:module';
import { mutations } from './mutations.ts';

/** `MUTATION=name node --import ./test/sim/mutant.ts …`: the bus with one promise broken, without touching a file. */
const wanted = process.env['MUTATION'];
const mutation = mutations.find(({ name }) => name === wanted);
if (mutation === undefined) throw new Error(`no mutation ${wanted}`);
const { file, from, to } = mutation;

registerHooks({
  load: (url, context, next) => {
    const loaded = next(url, context);
    if (!url.endsWith(`/agent/bus/${file}`)) return loaded;
    const parts = String(Buffer.from(loaded.source as Uint8Array)).split(from);
    if (parts.length !== 2) throw new Error(`${wanted}: its place stands ${parts.length - 1} times in ${file}`);
    return { ...loaded, source: parts.join(to) };
  },
});

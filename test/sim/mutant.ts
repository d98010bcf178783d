import { registerHooks } from 'node:module';
import { mutations } from './mutations.ts';

/** `MUTATION=name node --import ./test/sim/mutant.ts …`: the bus with one promise broken, without touching a file. */
const wanted = process.env['MUTATION'];
const mutation = mutations.find(({ name }) => name === wanted);
if (mutation === undefined) throw new Error(`no mutation ${wanted}`);

registerHooks({
  load: (url, context, next) => {
    const loaded = next(url, context);
    const changes = mutation.changes.filter(({ file }) => url.endsWith(`/agent/bus/${file}`));
    if (changes.length === 0) return loaded;
    let source = String(Buffer.from(loaded.source as Uint8Array));
    for (const { file, from, to } of changes) {
      const parts = source.split(from);
      if (parts.length !== 2) throw new Error(`${wanted}: its place stands ${parts.length - 1} times in ${file}`);
      source = parts.join(to);
    }
    return { ...loaded, source };
  },
});

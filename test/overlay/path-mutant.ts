import { registerHooks } from 'node:module';
import { pathMutations } from './path-mutations.ts';

/** `PATH_MUTATION=name NODE_OPTIONS='--import ./test/overlay/path-mutant.ts' npx ava 'test/overlay/path*.test.ts'` has to fail. */
const wanted = process.env['PATH_MUTATION'];
const mutation = pathMutations.find(({ name }) => name === wanted);
if (mutation === undefined) throw new Error(`no mutation ${wanted}`);

registerHooks({
  load: (url, context, next) => {
    const loaded = next(url, context);
    if (!url.endsWith(`/agent/overlay/path/${mutation.file}`)) return loaded;
    const parts = String(Buffer.from(loaded.source as Uint8Array)).split(mutation.from);
    if (parts.length !== 2)
      throw new Error(`${wanted}: its place stands ${parts.length - 1} times in ${mutation.file}`);
    return { ...loaded, source: parts.join(mutation.to) };
  },
});

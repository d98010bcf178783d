import assert from 'node:assert';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { milliseconds } from '#kernel';
import { systemDisk } from '#platform';
import { openRing, type Ring } from '#ring';
import { Counters, defaultLimits } from '../../agent/broker/limits.ts';
import { RingPersistence } from '../../agent/broker/persistence.ts';
import { Sessions } from '../../agent/broker/sessions.ts';
import { Wills } from '../../agent/broker/will-table.ts';
import { realEnv } from '../broker/kit.ts';

/** The part of node:test that the suite uses. */
interface SuiteContext {
  readonly assert: typeof assert;
  plan(count: number): void;
  diagnostic(text: string): void;
}

type Suite = (options: {
  test: (title: string, run: (t: SuiteContext) => Promise<void>) => void;
  persistence: () => Promise<RingPersistence>;
  testAsync: true;
}) => void;

/** aedes-persistence 10.3.1, `abstract.js`: the contract suite that aedes' own stores run. */
const suite: Suite = createRequire(import.meta.url)('aedes-persistence/abstract');

const rings = new Set<{ ring: Ring; directory: string }>();

async function persistence(): Promise<RingPersistence> {
  const directory = await mkdtemp(join(tmpdir(), 'hypha-persistence-'));
  const env = realEnv(systemDisk());
  const window = milliseconds(0);
  const ring = await openRing(env, { directory, sizeBytes: 16 << 20, full: 'drop-oldest', commitWindow: window });
  rings.add({ ring, directory });
  const { clock, log } = env;
  const sessions = new Sessions({ ring, clock, log, limits: defaultLimits, counters: new Counters(), inflight: 100 });
  return new RingPersistence(ring, sessions, new Wills(ring));
}

test.after.always(async () => {
  for (const { ring, directory } of rings) {
    await ring.close();
    await rm(directory, { recursive: true, force: true });
  }
});

suite({
  persistence,
  testAsync: true,
  test: (title, run) => {
    test.serial(`aedes' contract: ${title}`, async (t) => {
      await run({ assert, plan() {}, diagnostic() {} });
      t.pass();
    });
  },
});

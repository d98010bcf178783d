import { readFileSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import { makeDirectory } from '../cli/hypha.ts';
import { stockBinary } from '../interop/stock.ts';
import { ourNodes, stockNodes } from './contract/nodes.ts';
import { play } from './contract/play.ts';
import type { Nodes, Recorded } from './contract/step.ts';
import { table } from './contract/table.ts';

/** What a stock daemon answered, recorded by scripts/record-stock-api.ts: status, type, keys, types and error codes. */
const { answers } = JSON.parse(readFileSync(new URL('../vectors/stock-api.json', import.meta.url), 'utf8')) as {
  answers: Recorded[];
};
const recorded = new Map(answers.map((answer) => [answer.title, answer]));

const directory = makeDirectory();
test.after.always(() => directory.remove());

test('titles of the contract are unique, and every step is recorded', (t) => {
  t.deepEqual(
    table.map(({ title }) => title),
    answers.map(({ title }) => title),
  );
  t.is(recorded.size, table.length);
});

test.serial('the agent answers as the stock daemon did, but for what the table names', async (t) => {
  await hold(t, await ourNodes(directory.path), true);
});

(stockBinary === undefined ? test.skip : test.serial)(
  'the stock daemon in MYCELIUM_BIN answers as recorded',
  async (t) => {
    await hold(t, await stockNodes(directory.path), false);
  },
);

async function hold(t: ExecutionContext, nodes: Nodes, isOurs: boolean): Promise<void> {
  t.teardown(() => nodes.stop());
  await play(nodes, table, ({ title, ...found }, step) => {
    const { title: _, ...stocks } = recorded.get(title) ?? { title };
    t.deepEqual(found, isOurs && step.ours !== undefined ? step.ours.answer : (stocks as typeof found), title);
  });
}

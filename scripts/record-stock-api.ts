import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stockNodes } from '../test/api/contract/nodes.ts';
import { play } from '../test/api/contract/play.ts';
import type { Recorded } from '../test/api/contract/step.ts';
import { table } from '../test/api/contract/table.ts';

/** `MYCELIUM_BIN=… node scripts/record-stock-api.ts`: what a stock daemon answers to the table, into test/vectors. */
const directory = mkdtempSync(join(tmpdir(), 'hypha-record-'));
const nodes = await stockNodes(directory);
const answers: Recorded[] = [];
try {
  await play(nodes, table, (answer) => answers.push(answer));
} finally {
  await nodes.stop();
  rmSync(directory, { recursive: true, force: true });
}
const lines = answers.map((answer) => `    ${JSON.stringify(answer)}`);
const head = `{\n  "from": "Mycelium 0.7.10, recorded by scripts/record-stock-api.ts",\n  "answers": [\n`;
writeFileSync(new URL('../test/vectors/stock-api.json', import.meta.url), `${head}${lines.join(',\n')}\n  ]\n}\n`);
console.log(`${answers.length} answers recorded`);

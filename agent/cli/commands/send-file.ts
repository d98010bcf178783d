import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { messageOf } from '#kernel';
import { ask, tryAsk } from '../client.ts';
import { CommandError, exitCodes } from '../exit.ts';
import { print, printJson } from '../output.ts';
import { type CommonOptions, placesOf } from '../paths.ts';
import { progressLine, type Transfer } from './transfers.ts';

export interface SendFileOptions extends CommonOptions {
  readonly topic?: string;
  readonly wait?: boolean;
}

const lookEveryMs = 250;
const over: readonly string[] = ['done', 'refused', 'cancelled', 'failed'];

/**
 * Gives a file to the agent to send: from then on it is the agent's, over its restarts too. With `--wait`: until the far
 * node has it in its place; `quietSeconds` without progress end the waiting, not the transfer.
 */
export async function sendFile(
  to: string,
  file: string,
  options: SendFileOptions,
  quietSeconds: number,
): Promise<void> {
  const path = resolve(file);
  await checkFile(path);
  const { data } = placesOf(options);
  const { body } = await ask(data, 'POST', '/hypha/v1/files', { to, path, topic: options.topic });
  const begun = body as Transfer;
  const ended = options.wait === true ? await waited(data, begun, quietSeconds) : begun;
  if (options.json) printJson(ended);
  else if (options.wait !== true) print(`${begun.id.slice(0, 8)}: on its way; see: hypha transfers`);
  if (options.wait !== true || ended.state === 'done') return;
  const remedy = over.includes(ended.state) ? '' : '; it is still on its way, see: hypha transfers';
  throw new CommandError(
    exitCodes.failed,
    `${file}: found it ${ended.state}${ended.why === null ? '' : ` (${ended.why})`}, wanted it there${remedy}`,
  );
}

/** What could hold the agent up when it is opened is no file. */
async function checkFile(path: string): Promise<void> {
  const found = await stat(path).catch((error: unknown) => {
    throw new CommandError(exitCodes.io, `${path}: ${messageOf(error)}, wanted a readable file`);
  });
  if (!found.isFile()) throw new CommandError(exitCodes.io, `${path}: found no regular file, wanted one`);
}

async function waited(data: string, begun: Transfer, quietSeconds: number): Promise<Transfer> {
  let seen = begun;
  let movedAt = performance.now();
  while (!over.includes(seen.state) && performance.now() - movedAt < quietSeconds * 1000) {
    show(progressLine(seen));
    await new Promise((again) => setTimeout(again, lookEveryMs));
    const next = await look(data, begun.id);
    if (next === null) continue;
    if (next.doneBytes !== seen.doneBytes || next.state !== seen.state) movedAt = performance.now();
    seen = next;
  }
  show(progressLine(seen), '\n');
  return seen;
}

/** Null while no agent runs: it may come back, and the transfer with it. */
async function look(data: string, id: string): Promise<Transfer | null> {
  const answer = await tryAsk(data, 'GET', `/hypha/v1/transfers/${id}`).catch((error: unknown) => {
    if (error instanceof CommandError) throw error;
    return null;
  });
  return answer === null ? null : (answer.body as Transfer);
}

function show(line: string, end = ''): void {
  if (!process.stderr.isTTY) return;
  const width = process.stderr.columns ?? 80;
  process.stderr.write(`\r\x1b[K${line.slice(0, width - 1)}${end}`);
}

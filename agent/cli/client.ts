import { readFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { messageOf } from '#kernel';
import { keyFiles } from '#platform';
import { CommandError, exitCodes } from './exit.ts';
import { runningFile } from './paths.ts';
import { startOf } from './process-start.ts';

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

interface Door {
  readonly host: string;
  readonly port: number;
  readonly data: string;
}

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

/** Asks the agent that runs on this data directory. Throws `CommandError` when none does or when it refuses. */
export async function ask(data: string, method: Method, path: string, body?: unknown): Promise<Answer> {
  const answer = await tryAsk(data, method, path, body);
  if (answer === null) throw notRunning(data);
  return answer;
}

/** Null when no agent runs. */
export async function tryAsk(data: string, method: Method, path: string, body?: unknown): Promise<Answer | null> {
  const door = findDoor(data);
  if (door === null) return null;
  const response = await open(door, method, path, body);
  if (response === null) return null;
  const text = await textOf(response);
  const status = response.statusCode ?? 0;
  const parsed: unknown = text === '' ? null : JSON.parse(text);
  if (status >= 400) throw refused(status, parsed);
  return { status, body: parsed };
}

/** Server-sent events, each as its `data`. */
export async function* follow(data: string, path: string): AsyncGenerator<unknown> {
  const door = findDoor(data);
  const response = door === null ? null : await open(door, 'GET', path);
  if (response === null) throw notRunning(data);
  if (response.statusCode !== 200) throw refused(response.statusCode ?? 0, JSON.parse(await textOf(response)));
  let rest = '';
  response.setEncoding('utf8');
  for await (const chunk of response) {
    const blocks = (rest + String(chunk)).split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const line = block.split('\n').find((candidate) => candidate.startsWith('data: '));
      if (line !== undefined) yield JSON.parse(line.slice('data: '.length));
    }
  }
}

/** The agent's API, if the process that wrote running.json still runs: the token is shown to nobody else. */
function findDoor(data: string): Door | null {
  try {
    const { pid, started, api } = JSON.parse(readFileSync(runningFile(data), 'utf8'));
    const [, host, port] = /^\[?([^\]]+?)\]?:(\d+)$/.exec(String(api[0])) ?? [];
    if (host === undefined || startOf(Number(pid)) !== started) return null;
    return { host, port: Number(port), data };
  } catch {
    return null;
  }
}

/** A body of any length as it comes; null when no agent runs. */
export async function stream(data: string, path: string): Promise<AsyncIterable<Uint8Array> | null> {
  const door = findDoor(data);
  const response = door === null ? null : await open(door, 'GET', path);
  if (response === null || response.statusCode === 200) return response;
  throw refused(response.statusCode ?? 0, JSON.parse(await textOf(response)));
}

async function open(door: Door, method: string, path: string, body?: unknown): Promise<IncomingMessage | null> {
  const token = await keyFiles.read(join(door.data, 'api.token'));
  const headers = {
    ...(token === null ? {} : { authorization: `Bearer ${Buffer.from(token).toString().trim()}` }),
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
  };
  return new Promise((resolve, reject) => {
    const asked = request({ host: door.host, port: door.port, method, path, headers }, resolve);
    asked.once('error', (error) => {
      if ('code' in error && error.code === 'ECONNREFUSED') resolve(null);
      else reject(new CommandError(exitCodes.unavailable, `agent: ${messageOf(error)}, wanted an answer`));
    });
    asked.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString();
}

/** What was asked for made no sense: the caller's to mend. */
const exitCodeOf: Readonly<Record<number, number>> = {
  400: exitCodes.usage,
  422: exitCodes.usage,
  503: exitCodes.tryAgain,
};

function refused(status: number, body: unknown): CommandError {
  const error = typeof body === 'object' && body !== null && 'error' in body ? body.error : null;
  const said =
    typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : `status ${status}`;
  return new CommandError(exitCodeOf[status] ?? exitCodes.failed, said);
}

const notRunning = (data: string): CommandError =>
  new CommandError(exitCodes.unavailable, `${data}: found no running agent, wanted one; start it with: hypha run`);

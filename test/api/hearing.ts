import { type IncomingMessage, request } from 'node:http';
import { connectAsync } from 'mqtt';
import type { RunningAgent } from '../cli/hypha.ts';
import { ask, bearer } from './ask.ts';

export interface Heard {
  readonly kind: 'message' | 'gap' | 'ended';
  readonly id: string;
  readonly topic: string;
  readonly payload: string;
  readonly again: boolean;
  readonly count: number;
  readonly reason: string;
  readonly why: string;
}

export const textOf = ({ payload }: Heard): string => Buffer.from(payload, 'base64').toString();

/** A program that listens to a consumer's events; `leave` breaks the connection, as a kill would. */
export class Listener {
  readonly #response: IncomingMessage;
  readonly heard: Heard[] = [];
  #woken = (): void => undefined;
  isOver = false;

  private constructor(response: IncomingMessage) {
    this.#response = response;
    let rest = '';
    response.setEncoding('utf8');
    response.on('error', () => undefined);
    response.on('data', (piece: string) => {
      const blocks = (rest + piece).split('\n\n');
      rest = blocks.pop() ?? '';
      for (const block of blocks) {
        const line = block.split('\n').find((each) => each.startsWith('data: '));
        if (line !== undefined) this.heard.push(JSON.parse(line.slice(6)));
      }
      this.#woken();
    });
    response.once('close', () => {
      this.isOver = true;
      this.#woken();
    });
  }

  static start(agent: RunningAgent, name: string, query = '', headers: Record<string, string> = {}): Promise<Listener> {
    const [host = '', port = ''] = (agent.doors['api'] ?? '').split(':');
    const path = `/hypha/v1/consumers/${name}/events?${query}`;
    return new Promise((resolve, reject) => {
      const asked = request({ host, port, path, headers: { ...bearer(agent), ...headers } });
      asked.once('error', reject);
      asked.once('response', (response) => resolve(new Listener(response)));
      asked.end();
    });
  }

  /** Once so many have come, or the stream has ended. */
  async count(wanted: number): Promise<readonly Heard[]> {
    while (this.heard.length < wanted && !this.isOver)
      await new Promise<void>((resolve) => {
        this.#woken = resolve;
      });
    return this.heard;
  }

  leave(): void {
    this.#response.destroy();
  }
}

export async function make(agent: RunningAgent, name: string, topics: readonly string[]): Promise<number> {
  const question = { method: 'PUT', body: { topics }, headers: bearer(agent) };
  return (await ask(agent, `/hypha/v1/consumers/${name}`, question)).status;
}

export async function acknowledge(agent: RunningAgent, name: string, id: string | undefined): Promise<number> {
  return (await ask(agent, `/hypha/v1/consumers/${name}/ack`, { body: { id }, headers: bearer(agent) })).status;
}

/** Readings, durable when it resolves. */
export async function publish(
  agent: RunningAgent,
  topic: string,
  payloads: readonly (string | Buffer)[],
): Promise<void> {
  const sensor = await connectAsync(`mqtt://${agent.doors['mqtt']}`);
  await Promise.all(payloads.map((payload) => sensor.publishAsync(topic, payload, { qos: 1 })));
  await sensor.endAsync();
}

export const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, index) => String(from + index));

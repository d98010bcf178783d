import { makeDirectory, type RunningAgent } from '../cli/hypha.ts';
import { type Pair, startPair } from '../cli/pair.ts';
import { ask } from './ask.ts';

/** Plain messages between two agents, as programs send and read them at the stock-compatible API. */

export interface Node {
  readonly nodeIp: string;
  readonly nodePubkey: string;
  readonly nodeSubnet: string;
}

export const nodeOf = async (agent: RunningAgent): Promise<Node> => (await ask(agent, '/api/v1/admin')).json as Node;
export const base64 = (text: string): string => Buffer.from(text).toString('base64');

export async function pairOf(variables: Readonly<Record<string, string>> = {}): Promise<Pair> {
  const place = makeDirectory();
  const pair = await startPair(place.path, variables);
  return {
    ...pair,
    stop: async () => {
      await pair.stop();
      place.remove();
    },
  };
}

export async function push(from: RunningAgent, to: Node, text: string, topic?: string): Promise<string> {
  const body = {
    dst: { pk: to.nodePubkey },
    payload: base64(text),
    ...(topic === undefined ? {} : { topic: base64(topic) }),
  };
  const { status, json } = await ask(from, '/api/v1/messages', { body });
  if (status !== 201) throw new Error(`push: ${status}`);
  return (json as { id: string }).id;
}

export async function pop(at: RunningAgent, query: string): Promise<string | null> {
  const { status, json } = await ask(at, `/api/v1/messages?${query}`);
  return status === 200 ? Buffer.from((json as { payload: string }).payload, 'base64').toString() : null;
}

export async function becomes(agent: RunningAgent, id: string, wanted: string): Promise<void> {
  while (true) {
    const { json } = await ask(agent, `/api/v1/messages/status/${id}`);
    if ((json as { state: unknown }).state === wanted) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export const metric = async (agent: RunningAgent, line: RegExp): Promise<number> =>
  Number(line.exec((await ask(agent, '/metrics')).text)?.[1]);

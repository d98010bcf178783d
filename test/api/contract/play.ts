import { request } from 'node:http';
import type { Answer, Nodes, Recorded, Step } from './step.ts';

/** Asks every step in order and tells what is held to of each answer. */
export async function play(
  nodes: Nodes,
  steps: readonly Step[],
  told: (answer: Recorded, step: Step) => void,
): Promise<void> {
  const kept = new Map<string, string>();
  for (const step of steps) told({ title: step.title, ...(await playStep(nodes, step, kept)) }, step);
}

async function playStep(nodes: Nodes, step: Step, kept: Map<string, string>): Promise<Answer> {
  const named = namesOf(nodes, kept);
  for (let tries = 0; ; tries++) {
    const found = await ask(nodes, step, named);
    if (step.until !== undefined && !found.text.includes(step.until) && tries < 200) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      continue;
    }
    for (const [name, path] of Object.entries(step.keep ?? {}))
      kept.set(`{${name}}`, String(fieldAt(found.json, path)));
    return answerOf(found, step, namesOf(nodes, kept));
  }
}

/** `{left.pk}` and what it stands for; the longest values first, for the way back. */
function namesOf(nodes: Nodes, kept: Map<string, string>): [string, string][] {
  const ofNodes = (['left', 'right'] as const).flatMap((side) =>
    (['pk', 'ip', 'subnet'] as const).map((what): [string, string] => [`{${side}.${what}}`, nodes[side][what]]),
  );
  return [...ofNodes, ['{socket}', nodes.socket], ...kept];
}

interface Found {
  readonly status: number;
  readonly type: string;
  readonly text: string;
  readonly json: unknown;
}

function ask(nodes: Nodes, step: Step, names: readonly [string, string][]): Promise<Found> {
  const fill = (text: string): string => names.reduce((all, [name, value]) => all.replaceAll(name, value), text);
  const { method, path, port, body } = requestOf(nodes, step);
  const sent = body === undefined ? undefined : fill(body);
  const headers: Record<string, string> = {
    ...(sent === undefined ? {} : { 'content-type': 'application/json' }),
    ...step.headers,
  };
  if (headers['content-type'] === '') delete headers['content-type'];
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, method, path: fill(path), headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (piece: string) => {
        text += piece;
      });
      response.once('error', reject);
      response.once('end', () => {
        if (!asked.writableEnded) asked.destroy();
        const type = (response.headers['content-type'] ?? '').split(';')[0] ?? '';
        resolve({
          status: response.statusCode ?? 0,
          type,
          text,
          json: type === 'application/json' ? JSON.parse(text) : null,
        });
      });
    });
    asked.on('error', reject);
    asked.setTimeout(20_000, () => asked.destroy(new Error(`${step.title}: no answer in 20 s`)));
    // A length that is said and not kept to: whoever has a limit answers before the end.
    if (headers['content-length'] === undefined) asked.end(sent);
    else asked.write(sent ?? '');
  });
}

function requestOf(nodes: Nodes, step: Step) {
  const at = nodes[step.to];
  if (step.rpc !== undefined) {
    const call = {
      jsonrpc: '2.0',
      id: 1,
      method: step.rpc,
      ...(step.params === undefined ? {} : { params: step.params }),
    };
    return { method: 'POST', path: '/rpc', port: at.rpcPort, body: JSON.stringify(call) };
  }
  const [method = '', path = ''] = (step.http ?? '').split(' ');
  const body = step.raw ?? (step.body === undefined ? undefined : JSON.stringify(step.body));
  return path.startsWith('rpc:')
    ? { method, path: path.slice('rpc:'.length), port: at.rpcPort, body }
    : { method, path: `/api/v1${path}`, port: at.httpPort, body };
}

/** Explanations are each side's own, and so is whether there is one: plain text is not held to, nor `data` of errors. */
function answerOf({ status, type, json }: Found, step: Step, names: readonly [string, string][]): Answer {
  if (type !== 'application/json') return { status, type: '', body: '' };
  return { status, type, body: step.exact === true ? valuesOf(withoutData(json), names) : shapeOf(withoutData(json)) };
}

function withoutData(found: unknown): unknown {
  if (Array.isArray(found)) return found.map(withoutData);
  if (typeof found !== 'object' || found === null) return found;
  const { error, ...rest } = found as { error?: { code: number; message: string } };
  return error === undefined ? found : { ...rest, error: { code: error.code, message: error.message } };
}

/** Values, but for what differs from run to run. */
function valuesOf(found: unknown, names: readonly [string, string][]): unknown {
  if (typeof found === 'string') return names.find(([, value]) => value === found)?.[0] ?? found;
  if (typeof found === 'number') return found > 1_000_000_000 ? '<seconds>' : found;
  if (Array.isArray(found)) return found.map((one) => valuesOf(one, names));
  if (typeof found !== 'object' || found === null) return found;
  return Object.fromEntries(Object.entries(found).map(([key, value]) => [key, valuesOf(value, names)]));
}

/** Keys and types; of texts what kind they are; of errors everything. */
export function shapeOf(found: unknown): unknown {
  if (typeof found === 'string') return kindOf(found);
  if (typeof found === 'number') return Number.isInteger(found) ? '<whole>' : '<number>';
  if (typeof found === 'boolean') return '<boolean>';
  if (Array.isArray(found)) return distinct(found.map(shapeOf));
  if (typeof found !== 'object' || found === null) return found;
  return Object.fromEntries(
    Object.entries(found).map(([key, value]) => [
      key,
      ['error', 'jsonrpc', 'id'].includes(key) && typeof found === 'object' && 'jsonrpc' in found
        ? value
        : shapeOf(value),
    ]),
  );
}

function distinct(shapes: readonly unknown[]): unknown[] {
  return [...new Map(shapes.map((shape) => [JSON.stringify(shape), shape])).values()];
}

function kindOf(text: string): string {
  if (/^[0-9a-f]{16}$/.test(text)) return '<id>';
  if (/^[0-9a-f]{64}$/.test(text)) return '<key>';
  if (/^[45][0-9a-f]{2}:[0-9a-f:]+$/.test(text)) return '<address>';
  if (/^[0-9a-f]{1,4}:[0-9a-f:]+\/64$/.test(text)) return '<subnet>';
  return '<text>';
}

function fieldAt(found: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((value, key) => (value as Record<string, unknown> | null)?.[key], found);
}

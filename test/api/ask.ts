import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import type { RunningAgent } from '../cli/hypha.ts';

export interface Answered {
  readonly status: number;
  readonly type: string;
  readonly text: string;
  /** Parsed when it is JSON, else null. */
  readonly json: unknown;
}

export interface Question {
  readonly method?: string;
  readonly body?: unknown;
  /** As it is, instead of JSON. */
  readonly raw?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** For a stream: leaves as soon as this has come. */
  readonly until?: RegExp;
}

/** A request as a program makes it: any header can be set, Host too. */
export function ask(agent: RunningAgent, path: string, question: Question = {}): Promise<Answered> {
  const [host = '', port = ''] = (agent.doors['api'] ?? '').split(':');
  const body = question.raw ?? (question.body === undefined ? undefined : JSON.stringify(question.body));
  const headers = {
    ...(question.body === undefined ? {} : { 'content-type': 'application/json' }),
    ...question.headers,
  };
  return new Promise((resolve, reject) => {
    const asked = request({
      host,
      port,
      path,
      method: question.method ?? (body === undefined ? 'GET' : 'POST'),
      headers,
    });
    asked.once('error', reject);
    asked.once('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
        if (question.until?.test(text)) response.destroy();
      });
      response.once('close', () => {
        const type = response.headers['content-type'] ?? '';
        resolve({
          status: response.statusCode ?? 0,
          type,
          text,
          json: type.startsWith('application/json') ? JSON.parse(text) : null,
        });
      });
    });
    asked.end(body);
  });
}

export const tokenOf = (agent: RunningAgent): string => readFileSync(`${agent.data}/api.token`, 'utf8').trim();

export const bearer = (agent: RunningAgent): Readonly<Record<string, string>> => ({
  authorization: `Bearer ${tokenOf(agent)}`,
});

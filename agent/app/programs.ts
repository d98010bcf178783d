import { Consumers, type Contacts, Hooks, Letters } from '#api';
import type { Broker } from '#broker';
import { decodeBody } from '#codec';
import type { Env } from '#kernel';
import { openLines, runProgram } from '#platform';
import type { Ring } from '#ring';
import type { Configuration } from './config/read.ts';

/** What tells programs of this machine of messages: consumers that ask, hooks that are run. */
export interface Programs {
  readonly consumers: Consumers;
  readonly hooks: Hooks;
  readonly letters: Letters;
}

export function makePrograms(
  { hook }: Configuration,
  env: Env,
  parts: { readonly ring: Ring; readonly contacts: Contacts; readonly broker: () => Broker },
): Programs {
  const { ring, contacts, broker } = parts;
  const rules = hook.map(({ name, topic, command, socket, timeout }) => ({
    name,
    topic,
    command: command ?? null,
    socket: socket ?? null,
    timeout,
  }));
  const letters = new Letters({
    ring,
    contacts,
    deliver: ({ first }, { topic, qos, retain, body }) =>
      broker().deliver([{ sequence: first, publication: { topic, qos, retain, ...decodeBody(body) } }]),
  });
  const hooks = new Hooks(rules, { ...env, ring, contacts, run: runProgram, openLines });
  return { letters, hooks, consumers: new Consumers({ ...env, ring }) };
}

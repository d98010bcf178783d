import { consumersView } from './consumers/routes.ts';
import type { Finding } from './finding.ts';
import type { HookView } from './hooks/types.ts';
import type { ApiOptions } from './types.ts';

/** Programs of this machine that should hear of messages and do not. */
export function programFindings(options: ApiOptions): Finding[] {
  const hooks = options.hooks().flatMap(hookFinding);
  const away = consumersView(options).filter(({ connected, pending }) => !connected && pending > 0);
  const consumers = away.map(({ name, pending, heardAgoMs }): Finding => {
    const ago = heardAgoMs === null ? 'since the start' : `for ${Math.round(heardAgoMs / 1000)} s`;
    return {
      subject: `consumer ${name}`,
      state: 'note',
      cause: 'consumer-away',
      found: `${pending} messages wait for it, and no program has asked ${ago}`,
      remedy: `start the program; if there is none any more: hypha consumers remove ${name}`,
    };
  });
  return [...hooks, ...consumers];
}

function hookFinding({ name, to, failures, failingForMs, why, pending }: HookView): Finding[] {
  if (failures === 0) return [];
  const times = `${failures} ${failures === 1 ? 'time' : 'times'} in ${Math.round((failingForMs ?? 0) / 1000)} s`;
  const found = `${to} failed ${times}, ${pending} messages wait: ${why ?? 'no reason'}`;
  const remedy = 'mend the program; it is tried again until it takes the message';
  return [{ subject: `hook ${name}`, state: 'wrong', cause: 'hook-failing', found, remedy }];
}

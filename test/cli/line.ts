import { join } from 'node:path';
import { hypha, placeAgent, RunningAgent } from './hypha.ts';

/** A key is made before any agent starts, so that all can name each other. */
export async function makeKey(directory: string, name: string): Promise<string> {
  const data = join(directory, `${name}-data`);
  const made = await hypha(['init', '--json', '--data', data, '--config', join(directory, `${name}-init.toml`)]);
  return JSON.parse(made.stdout).publicKey;
}

/** Real agents in a line, each linked to the one before it: the first knows all of them by name, and they it. */
export async function startLine(directory: string, names: readonly string[]): Promise<RunningAgent[]> {
  const keys = await Promise.all(names.map((name) => makeKey(directory, name)));
  const contacts = names.map((name, index) => `${name} = "${keys[index]}"`).join(', ');
  const agents: RunningAgent[] = [];
  for (const name of names) {
    const before = agents.at(-1)?.doors['overlay'];
    const peers = before === undefined ? '' : `, peers = ["tcp://${before}"]`;
    const toml = `overlay = { listen = ["tcp://127.0.0.1:0"]${peers} }\ncontacts = { ${contacts} }\n`;
    agents.push(await RunningAgent.start(placeAgent(directory, name, toml)));
  }
  return agents;
}

import { existsSync } from 'node:fs';
import { ConfigError, type Configuration } from '#app';
import { isAgentError, messageOf } from '#kernel';
import { formatEndpoint } from '#platform';
import { tryAsk } from '../client.ts';
import { writeBundle } from '../doctor/bundle.ts';
import { type Finding, findingLine, fine, wrong } from '../doctor/finding.ts';
import { clockFindings, daemonFinding, diskFindings, keyFindings, portFindings } from '../doctor/here.ts';
import { CommandError, exitCodes } from '../exit.ts';
import { print, printJson } from '../output.ts';
import { type CommonOptions, type Places, placesOf } from '../paths.ts';
import { loadSettings } from '../settings.ts';

/** No machine on which this program runs can rightly be older. */
const built = Date.UTC(2026, 10, 1);

interface DoctorOptions extends CommonOptions {
  readonly bundle?: string;
}

/** Exit code 1 if anything is wrong; a note is not. */
export async function doctor(to: string | undefined, options: DoctorOptions): Promise<void> {
  const places = placesOf(options);
  const settings = await settingsOf(places);
  const findings = await withProgress(() => examine(places, settings, to));
  if (options.json) printJson(findings);
  else print(findings.map(findingLine).join('\n'));
  if (options.bundle !== undefined) await writeBundle(options.bundle, places, settings.settings, findings);
  if (findings.some(({ state }) => state === 'wrong')) process.exitCode = exitCodes.failed;
}

interface Read {
  readonly settings: Configuration | null;
  readonly findings: readonly Finding[];
}

async function settingsOf(places: Places): Promise<Read> {
  try {
    const settings = await loadSettings(places);
    const found = existsSync(places.config) ? places.config : `none at ${places.config}: the defaults`;
    return { settings, findings: [fine('configuration', found)] };
  } catch (error) {
    if (!(error instanceof ConfigError) && !(error instanceof CommandError) && !isAgentError(error)) throw error;
    const remedy = `mend it; then: hypha check ${places.config}`;
    return { settings: null, findings: [wrong('configuration', 'configuration', messageOf(error), remedy)] };
  }
}

async function examine(places: Places, { settings, findings }: Read, to: string | undefined): Promise<Finding[]> {
  const daemon = settings?.overlay.daemon;
  const here = [
    ...findings,
    ...(await keyFindings(places, settings)),
    ...(await diskFindings(places)),
    ...clockFindings(Date.now(), built),
    ...(daemon === undefined ? [] : [await daemonFinding(`http://${formatEndpoint(daemon)}`)]),
  ];
  const inside = await askAgent(places, to);
  if (inside !== null) return [...here, fine('agent', 'runs'), ...inside];
  const agent = wrong('agent', 'not-running', `none runs on ${places.data}`, 'start it: hypha run');
  return [...here, agent, ...(settings === null ? [] : await portFindings(settings))];
}

/** Null: no agent runs. */
async function askAgent({ data }: Places, to: string | undefined): Promise<readonly Finding[] | null> {
  try {
    const answer = await tryAsk(data, 'POST', '/hypha/v1/doctor', to === undefined ? {} : { to });
    return answer === null ? null : (answer.body as readonly Finding[]);
  } catch (error) {
    if (isAgentError(error)) return [wrong('agent', 'agent', messageOf(error), 'see to the key above')];
    throw error;
  }
}

/** On a terminal a person sees that something is being done: contacts that are silent take seconds. */
async function withProgress<T>(work: () => Promise<T>): Promise<T> {
  if (!process.stderr.isTTY) return work();
  process.stderr.write('looking…');
  return work().finally(() => process.stderr.write('\r\u001b[K'));
}

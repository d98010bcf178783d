import type { Env, Random } from '#kernel';
import type { RingOptions } from '#ring';
import type { Agent, ComposeOptions } from './agent.ts';
import type { Configuration } from './config/read.ts';

export type { Agent, ComposeOptions, Doors, Step } from './agent.ts';
export { archiveOf, type Entry as BackupEntry, entriesOf } from './backup/archive.ts';
export { refuseUnlessEmpty, restoreInto } from './backup/restore.ts';
export { entriesOfStopped } from './backup/source.ts';
export { docsAsToml, jsonSchema, type SectionDoc, sectionDocs } from './config/docs.ts';
export { ConfigError, formatProblem, type Problem } from './config/problem.ts';
export { type Configuration, readSettings, type SettingsInput } from './config/read.ts';
export { isName } from './config/values.ts';
export { findIdentity, openIdentity } from './identity.ts';

/** See compose.ts. Loaded when called, so that commands which run no agent start without its parts. */
export async function compose(configuration: Configuration, env: Env, options: ComposeOptions): Promise<Agent> {
  return (await import('./compose.ts')).compose(configuration, env, options);
}

/** See ring.ts. */
export async function ringOptions(
  ring: Configuration['ring'],
  data: string,
  random: Random | null,
): Promise<RingOptions> {
  return (await import('./ring.ts')).ringOptions(ring, data, random);
}

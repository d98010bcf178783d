import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** What every command takes. */
export interface CommonOptions {
  readonly json?: boolean;
  readonly config?: string;
  readonly data?: string;
  /** Tables as wide as what is in them, whatever the terminal's width. */
  readonly wide?: boolean;
}

export interface Places {
  readonly config: string;
  /** Whether somebody named the file: then it must be there. */
  readonly configNamed: boolean;
  readonly data: string;
}

/** Option, then `HYPHA_CONFIG` and `HYPHA_DATA`, then the system's places for root and the user's own for others. */
export function placesOf(options: CommonOptions): Places {
  const { HYPHA_CONFIG, HYPHA_DATA } = process.env;
  const named = options.config ?? HYPHA_CONFIG;
  const config = named ?? join(configHome(), 'hypha.toml');
  const data = options.data ?? HYPHA_DATA ?? stateHome();
  return { config: resolve(config), configNamed: named !== undefined, data: resolve(data) };
}

const isRoot = (): boolean => process.getuid?.() === 0;

const configHome = (): string =>
  isRoot() ? '/etc/hypha' : join(process.env['XDG_CONFIG_HOME'] ?? join(homedir(), '.config'), 'hypha');

const stateHome = (): string =>
  isRoot() ? '/var/lib/hypha' : join(process.env['XDG_STATE_HOME'] ?? join(homedir(), '.local/state'), 'hypha');

/** Beside the configuration file: pieces that are merged over it, in the order of their names. */
export const piecesDirectory = (config: string): string => join(resolve(config, '..'), 'conf.d');

/** What a running agent leaves in its data directory for those who want to ask it. */
export const runningFile = (data: string): string => join(data, 'running.json');

import { isAgentError, messageOf } from '#kernel';

/** Exit codes (CONTRACT.md): 0 done, 1 failed, 2 wrong usage, then sysexits. */
export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  unavailable: 69,
  bug: 70,
  io: 74,
  tryAgain: 75,
  denied: 77,
  configuration: 78,
} as const;

/** What a command throws to end with a line and a code of its own. */
export class CommandError extends Error {
  readonly exitCode: number;

  constructor(exitCode: number, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}

const byCode: Readonly<Record<string, number>> = {
  'config/invalid': exitCodes.configuration,
  'key/loose': exitCodes.configuration,
  'crypto/bad-key': exitCodes.configuration,
  'daemon/other-key': exitCodes.configuration,
  'ring/size': exitCodes.configuration,
  'ring/key': exitCodes.configuration,
  'ring/version': exitCodes.configuration,
  'net/no-address': exitCodes.configuration,
  'net/in-use': exitCodes.unavailable,
  'net/denied': exitCodes.denied,
  'key/io': exitCodes.io,
  'disk/locked': exitCodes.tryAgain,
  'disk/denied': exitCodes.denied,
  'disk/no-space': exitCodes.io,
  'disk/read-only': exitCodes.io,
  'disk/io': exitCodes.io,
  'disk/not-found': exitCodes.io,
};

/** What a person should do about an error that does not say so itself. */
const remedies: Readonly<Record<string, string>> = {
  'net/in-use': 'stop the other program or set another port (`hypha config docs`)',
  'net/denied': 'ports below 1024 need the right to bind them; set another port (`hypha config docs`)',
  'disk/locked': 'stop the other agent or give this one another --data directory',
  'disk/denied': 'run as the owner of the directory or give another with --data',
  'disk/no-space': 'make room on the disk',
  'disk/read-only': 'make the file system writable',
};

/** 70 for what is no foreseen error: a bug. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof CommandError) return error.exitCode;
  if (isAgentError(error)) return byCode[error.code] ?? exitCodes.failed;
  return exitCodes.bug;
}

/** One line: what was found, what was wanted, what to do. */
export function lineOf(error: unknown): string {
  const remedy = isAgentError(error) ? remedies[error.code] : undefined;
  const text = remedy === undefined ? messageOf(error) : `${messageOf(error)}; ${remedy}`;
  return `hypha: ${text.replaceAll(/\s*\n\s*/g, ' ')}\n`;
}

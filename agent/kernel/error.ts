/** What a caller can do about an operational error: try again later, change the configuration, or give the input up. */
export type Remedy = 'retry' | 'reconfigure' | 'reject';

/**
 * An operational error. Callers branch on `code` (`room/what`, from the room's own table) or `remedy`, never on text.
 * The text reads "subject: found, wanted" and carries no secret.
 */
export class AgentError extends Error {
  override readonly name = 'AgentError';
  readonly code: string;
  readonly remedy: Remedy;

  constructor(code: string, remedy: Remedy, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.remedy = remedy;
  }
}

export function isAgentError(error: unknown, code?: string): error is AgentError {
  return error instanceof AgentError && (code === undefined || error.code === code);
}

/** A broken promise of our own code: a bug, never an input. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`bug: ${message}`);
}

/** Ends a `switch` over a union: a new member that nobody handled does not compile. */
export function unreachable(value: never): never {
  throw new Error(`bug: unhandled ${JSON.stringify(value)}`);
}

/** The text of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

import { destination, type Logger, pino, stdTimeFunctions } from 'pino';
import type { Log, LogFields } from '#kernel';

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';

export interface LogOptions {
  readonly level: LogLevel;
  /** `json`: one object a line. `text`: readable lines for a terminal. */
  readonly format: 'json' | 'text';
  /** File descriptor; 1 is stdout. */
  readonly to: number;
}

export interface RealLog extends Log {
  /** Writes what is buffered, in order, and ends the log. Waits a second at most for a reader that stalls. */
  close(): Promise<void>;
  /** Writes what is buffered at once, for a process that dies now; a line that is being written may come after it. */
  flush(): void;
  /** Lines lost because nobody read them. */
  readonly lost: number;
}

/** A reader that stalls may cost this much memory; further lines are dropped and counted. */
const bufferBytes = 1_048_576;

/** Lines `{level, time, event, …fields}` for machines, `HH:MM:SS level event field=value …` for people. */
export function realLog(options: LogOptions): RealLog {
  const out = destination({ dest: options.to, sync: false, maxLength: bufferBytes });
  let lost = 0;
  out.on('drop', () => lost++);
  let closed = false;
  out.on('error', (error) => {
    lost++;
    if (!isGone(error)) return;
    closed = true;
    out.destroy();
  });
  const asWritten = options.format === 'json' ? (line: string) => line : readable;
  const sink = {
    write: (line: string) => {
      if (closed) lost++;
      else out.write(asWritten(line));
    },
  };
  const base = {
    level: options.level,
    base: null,
    messageKey: 'event',
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return {
    ...wrap(pino(base, sink)),
    close: () => {
      closed = true;
      return close(out);
    },
    flush: () => flush(out),
    get lost() {
      return lost;
    },
  };
}

function wrap(logger: Logger): Log {
  return {
    error: (event, fields) => logger.error(fields ?? {}, event),
    warn: (event, fields) => logger.warn(fields ?? {}, event),
    info: (event, fields) => logger.info(fields ?? {}, event),
    debug: (event, fields) => {
      if (logger.isLevelEnabled('debug')) logger.debug(fields?.() ?? {}, event);
    },
    with: (fields) => wrap(logger.child(fields)),
  };
}

const closeMs = 1_000;

/** The reader of a pipe has ended, or the terminal is closed: nothing will ever be read again. */
const isGone = (error: Error): boolean => 'code' in error && (error.code === 'EPIPE' || error.code === 'EIO');

interface Output {
  readonly destroyed?: boolean;
  end(): void;
  destroy(): void;
  once(event: 'close', listener: () => void): unknown;
}

/** What could not be written by then is given up: pino would try for ever when the process exits. */
function close(out: Output): Promise<void> {
  if (out.destroyed === true) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      out.destroy();
      resolve();
    }, closeMs);
    out.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
    out.end();
  });
}

/** A descriptor that was never ready or is gone has nothing left to write to. */
function flush(out: { flushSync(): void }): void {
  try {
    out.flushSync();
  } catch {
    // the reader is gone: so is the point of the line
  }
}

function readable(line: string): string {
  const { level, time, event, ...fields } = JSON.parse(line) as LogFields;
  const rest = Object.entries(fields).map(([name, value]) => ` ${name}=${shown(value)}`);
  return `${String(time).slice(11, 19)} ${String(level).padEnd(5)} ${event}${rest.join('')}\n`;
}

function shown(value: unknown): string {
  const text = String(value);
  return /^[^\s"=]+$/.test(text) ? text : JSON.stringify(text);
}

import { isatty } from 'node:tty';
import { type Agent, compose } from '#app';
import { messageOf } from '#kernel';
import { type RealLog, realEnv, realLog, trimHeap } from '#platform';
import { exitCodes, lineOf } from '../exit.ts';
import { type CommonOptions, placesOf } from '../paths.ts';
import { type Doors, removeRunning, writeRunning } from '../running.ts';
import { loadSettings } from '../settings.ts';
import { tellReady } from '../systemd.ts';
import { version } from '../version.ts';

/** The agent in the foreground, until SIGTERM or SIGINT. The log goes to stdout, errors that end it to stderr. */
export async function run(options: CommonOptions): Promise<void> {
  const places = placesOf(options);
  const configuration = await loadSettings(places);
  const format = process.stdout.isTTY ? 'text' : 'json';
  const log = realLog({ level: configuration.log.level, format, to: 1 });
  surviveLostReaders(log);
  endOnBugs(log);
  const stopped = stopSignal(log);
  try {
    const agent = await compose(configuration, realEnv(log), { data: places.data, version });
    await serve(agent, places.data, log, stopped);
  } finally {
    await log.close();
  }
}

async function serve(agent: Agent, data: string, log: RealLog, stopped: Promise<string>): Promise<void> {
  await writeRunning(data, agent.doors);
  announce(agent.doors, log);
  setTimeout(trimHeap, 1_000).unref();
  const signal = await stopped;
  log.info('stopping', { signal });
  await removeRunning(data);
  await agent.stop();
  log.info('stopped');
}

/** The line with `ready`, the same for logs that programs read, and systemd. */
function announce(doors: Doors, log: RealLog): void {
  const fields = Object.fromEntries(Object.entries(doors).map(([part, at]) => [part, at.join(',') || 'none']));
  process.stdout.write(
    `ready ${Object.entries(fields)
      .map(([part, at]) => `${part}=${at}`)
      .join(' ')}\n`,
  );
  if (!process.stdout.isTTY) log.info('ready', fields);
  tellReady();
}

/**
 * A second signal ends it at once. SIGHUP ends it when it means that the terminal it was started on has been closed; from a
 * service manager or `kill -HUP` it is only logged.
 */
function stopSignal(log: RealLog): Promise<string> {
  const stoodOnTerminal = isatty(1);
  return new Promise((resolve) => {
    const stop = (signal: string): void => {
      resolve(signal);
      for (const name of ['SIGTERM', 'SIGINT']) {
        process.removeAllListeners(name);
        process.once(name, () => process.exit(exitCodes.failed));
      }
    };
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
    process.on('SIGHUP', () => {
      if (stoodOnTerminal && !isatty(1)) stop('SIGHUP');
      else log.warn('reload-not-in-this-version', { remedy: 'restart the agent' });
    });
  });
}

/** Nobody reading the log any more is no reason to end. */
function surviveLostReaders(log: RealLog): void {
  process.stdout.removeAllListeners('error').on('error', () => log.warn('output-lost'));
}

/** A bug ends the process at once: what is durable stays so, and a restart begins from it. */
function endOnBugs(log: RealLog): void {
  process.on('uncaughtException', (error) => {
    log.error('bug', { message: messageOf(error), stack: error instanceof Error ? (error.stack ?? '') : '' });
    log.flush();
    process.stderr.write(lineOf(error));
    process.exit(exitCodes.bug);
  });
}

import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { type LogOptions, type RealLog, realLog } from '#platform';

const directory = mkdtempSync(join(tmpdir(), 'hypha-log-'));
test.after.always(() => rmSync(directory, { recursive: true, force: true }));

/** What is written by `use`, line by line. */
async function linesOf(name: string, options: Omit<LogOptions, 'to'>, use: (log: RealLog) => void): Promise<string[]> {
  const path = join(directory, name);
  const to = openSync(path, 'w');
  const log = realLog({ ...options, to });
  use(log);
  await log.close();
  return readFileSync(path, 'utf8').trimEnd().split('\n');
}

test('programs get one object a line, with level, time, event and fields', async (t) => {
  const lines = await linesOf('json', { level: 'info', format: 'json' }, (log) => {
    log.info('peer-up', { peer: 'tcp://a', afterMs: 12 });
    log.with({ room: 'overlay' }).warn('peer-down', { why: 'two\nlines' });
  });
  const [up, down] = lines.map((line) => JSON.parse(line));
  t.like(up, { level: 'info', event: 'peer-up', peer: 'tcp://a', afterMs: 12 });
  t.regex(up.time, /^\d{4}-\d\d-\d\dT/);
  t.like(down, { level: 'warn', event: 'peer-down', room: 'overlay', why: 'two\nlines' });
});

test('people get readable lines', async (t) => {
  const [line] = await linesOf('text', { level: 'info', format: 'text' }, (log) =>
    log.warn('peer-down', { peer: 'tcp://a', why: 'two\nlines', afterMs: null }),
  );
  t.regex(line ?? '', /^\d\d:\d\d:\d\d warn {2}peer-down peer=tcp:\/\/a why="two\\nlines" afterMs=null$/);
});

test('what is below the level is not written, and its fields are not even made', async (t) => {
  const lines = await linesOf('level', { level: 'warn', format: 'json' }, (log) => {
    log.info('birth');
    log.debug('detail', () => t.fail('made') as never);
    log.error('person-needed');
  });
  t.is(lines.length, 1);
});

test('a line after the end of the log is lost and counted, and harms nobody', async (t) => {
  let log: RealLog | undefined;
  await linesOf('late', { level: 'info', format: 'json' }, (made) => {
    log = made;
  });
  t.notThrows(() => log?.info('late'));
  t.is(log?.lost, 1);
});

import { ask, follow } from '../client.ts';
import { CommandError, exitCodes } from '../exit.ts';
import { duration, print, printJson, table } from '../output.ts';
import { type CommonOptions, placesOf } from '../paths.ts';

/** The answer's shape is agent/api/consumers/routes.ts. */
interface Consumer {
  readonly name: string;
  readonly topics: readonly string[];
  readonly connected: boolean;
  readonly heardAgoMs: number | null;
  readonly accepted: number;
  readonly delivered: number;
  readonly pending: number;
  readonly dropped: Readonly<Record<string, number>>;
}

export async function consumers(options: CommonOptions): Promise<void> {
  const found = (await ask(placesOf(options).data, 'GET', '/hypha/v1/consumers')).body as readonly Consumer[];
  if (options.json) return printJson(found);
  if (found.length === 0) return print('No consumer. Make one: hypha recv --follow --consumer NAME');
  const rows = found.map(({ name, connected, heardAgoMs, pending, delivered, dropped }) => [
    name,
    connected ? 'listening' : 'away',
    connected || heardAgoMs === null ? null : duration(heardAgoMs),
    pending,
    delivered,
    Object.values(dropped).reduce((sum, count) => sum + count, 0),
  ]);
  const under = (row: number): string => found[row]?.topics.join(' ') ?? '';
  const head = ['CONSUMER', 'STATE', 'FOR', 'PENDING', 'DELIVERED', 'DROPPED'];
  print(table(head, rows, { cut: [0], wide: options.wide, under }));
}

export async function removeConsumer(name: string, options: CommonOptions): Promise<void> {
  await ask(placesOf(options).data, 'DELETE', `/hypha/v1/consumers/${encodeURIComponent(name)}`);
  if (options.json) return printJson({ name });
  print(`${name} is forgotten, with what waited for it`);
}

interface Event {
  readonly kind: 'message' | 'gap' | 'ended';
  readonly id: string;
  readonly topic: string;
  readonly payload: string;
  readonly count: number;
  readonly reason: string;
  readonly why: string;
}

interface FollowOptions extends CommonOptions {
  readonly consumer: string;
  readonly topic?: string;
}

/** What was sent to this node, when no topic is named. */
const inbox = '$hypha/inbox/#';

/**
 * Everything for this consumer as it comes, and first what came while it was away; each is acknowledged when it has been
 * written to stdout. Payloads in lines; with `--json` all that is known, also of gaps.
 */
export async function followConsumer(options: FollowOptions): Promise<void> {
  const { data } = placesOf(options);
  const path = `/hypha/v1/consumers/${encodeURIComponent(options.consumer)}`;
  await makeSure(data, path, options);
  const acknowledgements = new Acknowledgements(data, `${path}/ack`);
  for await (const found of follow(data, `${path}/events`)) {
    const event = found as Event;
    if (event.kind === 'ended') throw new CommandError(exitCodes.failed, `consumer: ${ends[event.why] ?? event.why}`);
    await written(textOf(event, options));
    acknowledgements.add(event.id);
  }
  await acknowledgements.failed();
  throw new CommandError(exitCodes.unavailable, 'agent: found it gone, wanted it running; start it with: hypha run');
}

const ends: Readonly<Record<string, string>> = {
  'taken-over': 'found another program that listens under this name now, wanted one at a time',
  removed: 'found it removed, wanted it kept',
};

/** Without a topic, a consumer that is there keeps its own. */
async function makeSure(data: string, path: string, { consumer, topic }: FollowOptions): Promise<void> {
  const all = (await ask(data, 'GET', '/hypha/v1/consumers')).body as readonly Consumer[];
  const known = all.find(({ name }) => name === consumer);
  if (known !== undefined && (topic === undefined || (known.topics.length === 1 && known.topics[0] === topic))) return;
  await ask(data, 'PUT', path, { topics: [topic ?? inbox] });
}

function textOf(event: Event, options: FollowOptions): string | Buffer {
  if (options.json) return `${JSON.stringify(event)}\n`;
  if (event.kind === 'gap') {
    process.stderr.write(`${event.count} messages dropped: ${event.reason}\n`);
    return '';
  }
  if (process.stderr.isTTY) process.stderr.write(`${event.topic}:\n`);
  const payload = Buffer.from(event.payload, 'base64');
  return payload.at(-1) === 10 ? payload : Buffer.concat([payload, Buffer.from('\n')]);
}

/** Resolves when the operating system has it. */
const written = (text: string | Buffer): Promise<void> =>
  new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => (error ? reject(error) : resolve()));
  });

/** One under way at a time; each passes all before it. */
class Acknowledgements {
  readonly #data: string;
  readonly #path: string;
  #newest: string | null = null;
  #running: Promise<void> | null = null;

  constructor(data: string, path: string) {
    this.#data = data;
    this.#path = path;
  }

  add(id: string): void {
    this.#newest = id;
    this.#running ??= this.#run();
  }

  /** Waits for what is under way; an agent that is gone has not heard it, and gives the same again. */
  async failed(): Promise<void> {
    await this.#running?.catch(() => undefined);
  }

  async #run(): Promise<void> {
    try {
      for (let id = this.#newest; id !== null; id = this.#newest) {
        this.#newest = null;
        await ask(this.#data, 'POST', this.#path, { id });
      }
    } catch {
      // Not acknowledged: it comes again.
    } finally {
      this.#running = null;
    }
  }
}

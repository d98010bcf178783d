import { ask, follow } from '../client.ts';
import { CommandError, exitCodes } from '../exit.ts';
import { printJson } from '../output.ts';
import { type CommonOptions, placesOf } from '../paths.ts';
import { parseTimeout } from '../timeout.ts';
import { followConsumer } from './consumers.ts';
import { received } from './transfers.ts';

interface RecvOptions extends CommonOptions {
  readonly topic?: string;
  readonly follow?: boolean;
  readonly files?: boolean;
  readonly consumer?: string;
  readonly timeout: string;
}

interface Message {
  readonly from: string;
  readonly topic: string;
  /** base64 */
  readonly payload: string;
}

/** Takes the next message, or with `--follow` all of them as they come. Payload as it is to stdout, who and what to stderr. */
export async function recv(options: RecvOptions): Promise<void> {
  if (options.files === true) return received(options);
  const { consumer, follow: goesOn } = options;
  if (consumer !== undefined) {
    if (goesOn !== true)
      throw new CommandError(exitCodes.usage, 'recv: found --consumer alone, wanted --follow with it');
    return followConsumer({ ...options, consumer });
  }
  const { data } = placesOf(options);
  const topic = options.topic === undefined ? '' : `topic=${encodeURIComponent(options.topic)}`;
  if (options.follow === true) {
    for await (const message of follow(data, `/hypha/v1/recv/follow?${topic}`)) show(message as Message, options);
    throw new CommandError(exitCodes.unavailable, 'agent: found it gone, wanted it running; start it with: hypha run');
  }
  const timeout = parseTimeout(options.timeout);
  const { status, body } = await ask(data, 'POST', `/hypha/v1/recv?timeout=${timeout}&${topic}`);
  if (status === 204) throw new CommandError(exitCodes.failed, `inbox: found no message in ${timeout} s, wanted one`);
  show(body as Message, options);
}

function show(message: Message, options: RecvOptions): void {
  if (options.json) return printJson(message);
  const payload = Buffer.from(message.payload, 'base64');
  if (process.stderr.isTTY)
    process.stderr.write(`${message.from}${message.topic === '' ? '' : ` ${message.topic}`}:\n`);
  process.stdout.write(payload);
  if ((options.follow === true || process.stdout.isTTY) && payload.at(-1) !== 10) process.stdout.write('\n');
}

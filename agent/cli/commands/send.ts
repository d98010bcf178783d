import { readFile } from 'node:fs/promises';
import { messageOf } from '#kernel';
import { ask } from '../client.ts';
import { CommandError, exitCodes } from '../exit.ts';
import { printJson } from '../output.ts';
import { type CommonOptions, placesOf } from '../paths.ts';
import { parseTimeout } from '../timeout.ts';

interface SendOptions extends CommonOptions {
  readonly topic?: string;
  readonly file?: string;
  readonly wait?: boolean;
  readonly timeout: string;
}

/** Sends the text, the file or standard input. With `--wait`: exit code 0 only when the far node has it. */
export async function send(to: string, text: string | undefined, options: SendOptions): Promise<void> {
  const waitMs = options.wait === true ? parseTimeout(options.timeout) * 1000 : undefined;
  const payload = (await payloadOf(text, options.file)).toString('base64');
  const { body } = await ask(placesOf(options).data, 'POST', '/hypha/v1/send', {
    to,
    topic: options.topic,
    payload,
    waitMs,
  });
  const { id, state } = body as { id: string; state: string };
  if (options.json) printJson({ id, state });
  if (waitMs === undefined || state === 'received' || state === 'read') return;
  throw new CommandError(
    exitCodes.failed,
    `message ${id}: found it ${state} after ${options.timeout} s, wanted it received`,
  );
}

async function payloadOf(text: string | undefined, file: string | undefined): Promise<Buffer> {
  if (text !== undefined && file !== undefined)
    throw new CommandError(exitCodes.usage, 'send: found TEXT and --file, wanted one of them');
  if (text !== undefined) return Buffer.from(text);
  if (file === undefined) return standardInput();
  return readFile(file).catch((error: unknown) => {
    throw new CommandError(exitCodes.io, `${file}: ${messageOf(error)}, wanted a readable file`);
  });
}

async function standardInput(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

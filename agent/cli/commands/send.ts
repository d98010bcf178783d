import { ask } from '../client.ts';
import { CommandError, exitCodes } from '../exit.ts';
import { printJson } from '../output.ts';
import { type CommonOptions, placesOf } from '../paths.ts';
import { parseTimeout } from '../timeout.ts';
import { sendFile } from './send-file.ts';

interface SendOptions extends CommonOptions {
  readonly topic?: string;
  readonly file?: string;
  readonly wait?: boolean;
  readonly timeout: string;
}

/** The longest plain message there is. */
const messageLimitBytes = 64 * 1024 * 1024;

/** Sends the text or standard input as a plain message, or a file by the agent. With `--wait`: exit code 0 only when the far node has it. */
export async function send(to: string, text: string | undefined, options: SendOptions): Promise<void> {
  if (options.file !== undefined) {
    if (text !== undefined) throw new CommandError(exitCodes.usage, 'send: found TEXT and --file, wanted one of them');
    return sendFile(to, options.file, options, parseTimeout(options.timeout));
  }
  const waitMs = options.wait === true ? parseTimeout(options.timeout) * 1000 : undefined;
  const payload = (await payloadOf(text)).toString('base64');
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

async function payloadOf(text: string | undefined): Promise<Buffer> {
  return text === undefined ? standardInput() : Buffer.from(text);
}

async function standardInput(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin) {
    chunks.push(Buffer.from(chunk));
    bytes += chunk.length;
    if (bytes <= messageLimitBytes) continue;
    throw new CommandError(
      exitCodes.usage,
      `send: found more than ${messageLimitBytes} bytes, wanted a message; send it as a file: hypha send TO --file FILE`,
    );
  }
  return Buffer.concat(chunks);
}

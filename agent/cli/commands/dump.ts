import { open, readFile } from 'node:fs/promises';
import { bytesOfHex, messageOf } from '#kernel';
import { type ExplainedFrame, explain, type SeenPacket } from '#overlay';
import { ask } from '../client.ts';
import { CommandError, exitCodes } from '../exit.ts';
import { duration, print, printJson, table } from '../output.ts';
import { type CommonOptions, placesOf } from '../paths.ts';
import { parseWhole } from '../whole.ts';

interface DumpOptions extends CommonOptions {
  readonly hex?: string;
  readonly packet?: string;
  readonly last: string;
}

const limitBytes = 1_048_576;

/** The last packets of the running agent; or, without one, every field of the bytes given. */
export async function dump(options: DumpOptions): Promise<void> {
  if (options.hex !== undefined && options.packet !== undefined)
    throw new CommandError(exitCodes.usage, 'dump: found --hex and --packet, wanted one of them');
  if (options.hex !== undefined) return showFrames(explain(await bytesFrom(options.hex)), options);
  const last = parseWhole('--last', options.last, 1, 1024);
  const wanted = options.packet === undefined ? null : parseWhole('--packet', options.packet, 1, 2 ** 53 - 1);
  const path = `/hypha/v1/packets?limit=${wanted === null ? last : 1024}`;
  const packets = (await ask(placesOf(options).data, 'GET', path)).body as readonly SeenPacket[];
  if (wanted === null) return showPackets(packets, options);
  const packet = packets.find(({ number }) => number === wanted);
  if (packet === undefined) throw new CommandError(exitCodes.failed, missing(wanted, packets));
  showFrames(explain(Buffer.from(packet.head, 'hex')), options);
}

function missing(wanted: number, packets: readonly SeenPacket[]): string {
  const kept = packets.length === 0 ? 'none' : `${packets[0]?.number} to ${packets.at(-1)?.number}`;
  return `--packet: found ${wanted}, wanted one of those that are kept: ${kept}`;
}

const kinds: Readonly<Record<number, string>> = { 0: 'IP packet', 1: 'message', 2: 'icmp', 73: 'path', 84: 'trace' };

function showPackets(packets: readonly SeenPacket[], options: DumpOptions): void {
  const seen = packets.map((packet) => {
    const [frame] = explain(Buffer.from(packet.head, 'hex'));
    return { ...packet, what: frame?.what ?? 'empty', detail: detailOf(frame, packet.kind, options) };
  });
  if (options.json) return printJson(seen);
  if (seen.length === 0) return print('No packets yet.');
  const rows = seen.map(({ number, agoMs, direction, peer, what, sizeBytes, detail }) => [
    number,
    duration(agoMs),
    direction,
    peer,
    what,
    sizeBytes,
    detail,
  ]);
  print(table(['#', 'AGO', 'WAY', 'PEER', 'PACKET', 'BYTES', ''], rows, { cut: [6, 3], wide: options.wide }));
}

/** What tells packets of one sort apart. On a screen an address is its beginning, unless all of it is asked for. */
function detailOf(frame: ExplainedFrame | undefined, kind: number | null, { json, wide }: DumpOptions): string {
  const isShort = json !== true && wide !== true && process.stdout.isTTY === true;
  const short = (address: string): string => (isShort ? `${address.split(':').slice(0, 2).join(':')}…` : address);
  const field = (name: string): string => frame?.fields.find((each) => each.name === name)?.text ?? '';
  switch (frame?.what) {
    case 'data': {
      const holds = kind === null ? '' : `${kinds[kind] ?? `kind ${kind}`} `;
      return `hop ${field('hopLimit')} ${holds}${short(field('source'))} > ${short(field('destination'))}`;
    }
    case 'update':
      return `${field('prefix')} metric ${field('metric')} seqno ${field('seqno')}`;
    case 'route-request':
    case 'seqno-request':
      return field('prefix');
    case 'hello':
      return `seqno ${field('seqno')}`;
    case 'ihu':
      return `cost ${field('rxCost')}`;
    default:
      return '';
  }
}

function showFrames(frames: readonly ExplainedFrame[], options: DumpOptions): void {
  if (options.json) return printJson(frames);
  print(frames.map((frame) => frameText(frame, options.wide)).join('\n\n'));
  const broken = frames.find(({ fields }) => fields.some(({ type }) => type === 'refused'));
  if (broken !== undefined) process.exitCode = exitCodes.failed;
}

function frameText({ offset, size, what, fields }: ExplainedFrame, wide: boolean | undefined): string {
  const rows = fields.map((field) => [
    field.offset,
    field.size,
    `${field.layout}.${field.name}`,
    field.hex,
    field.type === 'refused' ? `WRONG: ${field.text}` : field.text,
  ]);
  const head = `${what}: ${size} bytes at ${offset}`;
  return `${head}\n${table(['AT', 'SIZE', 'FIELD', 'BYTES', 'MEANING'], rows, { cut: [3, 4, 3], wide })}`;
}

/** Hex digits as they are (spaces, colons and line ends between them do no harm), or a file of digits or bytes. */
async function bytesFrom(given: string): Promise<Uint8Array> {
  const direct = given === '-' ? null : digits(given);
  if (direct !== null) return direct;
  const content = given === '-' ? await standardInput() : await contentOf(given);
  const isText = content.every((byte) => byte < 0x80);
  const bytes = (isText ? digits(content.toString('latin1')) : null) ?? content;
  if (bytes.length > 0) return bytes;
  throw new CommandError(exitCodes.usage, '--hex: found nothing, wanted hex digits or a file');
}

function digits(text: string): Uint8Array | null {
  const bytes = bytesOfHex(text.replaceAll(/[\s:]/g, ''));
  return bytes === null || bytes.length === 0 ? null : bytes;
}

async function contentOf(path: string): Promise<Buffer> {
  const file = await open(path, 'r').catch((error: unknown) => {
    throw new CommandError(
      exitCodes.usage,
      `--hex: found ${foundAt(path, error)}, wanted hex digits or a readable file`,
    );
  });
  try {
    const { size } = await file.stat();
    if (size > limitBytes) throw new CommandError(exitCodes.usage, `--hex: found ${size} bytes, wanted 1 MiB at most`);
    return await readFile(file);
  } finally {
    await file.close();
  }
}

function foundAt(path: string, error: unknown): string {
  if (/^[0-9a-fA-F\s:]+$/.test(path)) return 'an odd number of hex digits';
  const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
  return isMissing ? `${JSON.stringify(path)}, which is neither` : messageOf(error);
}

async function standardInput(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of process.stdin) {
    chunks.push(Buffer.from(chunk));
    size += chunk.length;
    if (size > limitBytes) throw new CommandError(exitCodes.usage, '--hex: found more than 1 MiB, wanted less');
  }
  return Buffer.concat(chunks);
}

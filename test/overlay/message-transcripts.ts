import { createDecipheriv, createPrivateKey, createPublicKey, diffieHellman, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Address } from '#kernel';

interface Vectors {
  readonly keys: Record<string, string>;
  readonly public: Record<string, string>;
  readonly transcripts: readonly {
    readonly name: string;
    readonly frames: readonly { readonly from: 'us' | 'stock'; readonly hex: string }[];
  }[];
}

export interface Packet {
  readonly from: 'us' | 'stock';
  readonly source: Address;
  readonly destination: Address;
  readonly body: Buffer;
}

export const vectors: Vectors = JSON.parse(readFileSync(new URL('../vectors/mycelium.json', import.meta.url), 'utf8'));

const der = (prefix: string, hex: string | undefined): Buffer => Buffer.from(prefix + hex, 'hex');
const secretKey = (hex: string | undefined): KeyObject =>
  createPrivateKey({ key: der('302e020100300506032b656e04220420', hex), format: 'der', type: 'pkcs8' });
const publicKey = (hex: string | undefined): KeyObject =>
  createPublicKey({ key: der('302a300506032b656e032100', hex), format: 'der', type: 'spki' });

const sharedWith = (name: string): Buffer =>
  diffieHellman({ privateKey: secretKey(vectors.keys['us']), publicKey: publicKey(vectors.public[name]) });
const shared = { stockA: sharedWith('stockA'), stockB: sharedWith('stockB') };

/** The message packets of a transcript in the clear. */
export function packetsOf(name: string): { peer: 'stockA' | 'stockB'; packets: Packet[] } {
  const transcript = vectors.transcripts.find((each) => each.name === name);
  if (transcript === undefined) throw new Error(`no transcript ${name}`);
  const peer = name === 'route-request-and-multi-hop' ? 'stockB' : 'stockA';
  const packets: Packet[] = [];
  for (const { from, hex } of transcript.frames) {
    const frame = Buffer.from(hex, 'hex');
    if (frame[1] !== 0) continue;
    const sealed = frame.subarray(40);
    const decipher = createDecipheriv('aes-256-gcm', shared[peer], sealed.subarray(-12));
    decipher.setAuthTag(sealed.subarray(-28, -12));
    const plain = Buffer.concat([decipher.update(sealed.subarray(0, -28)), decipher.final()]);
    if (plain[1] !== 1) continue;
    const source = frame.toString('hex', 8, 24) as Address;
    const destination = frame.toString('hex', 24, 40) as Address;
    packets.push({ from, source, destination, body: plain.subarray(4) });
  }
  return { peer, packets };
}

/** Every message packet of every transcript (the payload of `hop-limit` is not sealed at all). */
export const messagePackets = (): Buffer[] =>
  vectors.transcripts
    .filter(({ name }) => name !== 'hop-limit')
    .flatMap(({ name }) => packetsOf(name).packets.map(({ body }) => body));

import { randomBytes } from 'node:crypto';
import type { ExecutionContext } from 'ava';
import { identityOf } from '#crypto';
import { type Log, type LogFields, type NetworkKey, Secret } from '#kernel';
import { createOverlay, type Overlay, type OverlayOptions, type PeerStatus, type ReceivedMessage } from '#overlay';
import { realEnv } from '#platform';

export const networkOf = (name: string, key: Uint8Array): NetworkKey => ({ name, key: new Secret(key) });

/** A node of ours with real sockets, for tests of links: what it logs is kept. */
export interface Member {
  readonly overlay: Overlay;
  readonly received: ReceivedMessage[];
  readonly logged: { readonly event: string; readonly fields: LogFields }[];
  readonly port: number;
  /** The first of its peers that is of that kind. */
  peer(kind: PeerStatus['kind']): PeerStatus | undefined;
  say(to: Member, text: string): void;
}

export async function member(t: ExecutionContext, options: Partial<OverlayOptions> = {}): Promise<Member> {
  const logged: Member['logged'] = [];
  const received: ReceivedMessage[] = [];
  const note = (event: string, fields: LogFields = {}): void => {
    logged.push({ event, fields });
  };
  const log: Log = { error: note, warn: note, info: note, debug: () => {}, with: () => log };
  const overlay = createOverlay(realEnv(log), identityOf(randomBytes(32)), {
    listen: [{ host: '127.0.0.1', port: 0 }],
    peers: [],
    transit: true,
    admit: () => true,
    received: (message) => received.push(message),
    ...options,
  });
  await overlay.start();
  t.teardown(() => overlay.stop());
  return {
    overlay,
    received,
    logged,
    port: overlay.listening[0]?.port ?? 0,
    peer: (kind) => overlay.peers().find((peer) => peer.kind === kind),
    say: (to, text) => {
      const payload = Buffer.from(text);
      overlay.send({ to: to.overlay.publicKey, topic: new Uint8Array(0), payload, replyTo: null, deadlineMs: null });
    },
  };
}

/** Waits for it, looking every few milliseconds; the test's own time limit ends what never comes. */
export async function eventually(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5));
}

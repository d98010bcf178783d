import type { Duration, PublicKey } from '#kernel';
import { milliseconds } from '#kernel';
import { openRing } from '#ring';
import { Mail } from '../../agent/bus/relay/mail.ts';
import { PostOffice } from '../../agent/bus/relay/post-office.ts';
import type { Envelopes } from '../../agent/bus/relay/post-types.ts';
import type { RelayLimits } from '../../agent/bus/relay/quotas.ts';
import { Relay } from '../../agent/bus/relay/relay.ts';
import type { AgentPlan, MailParts, SimulatedMail } from '../sim/agent.ts';
import { linkTo } from '../sim/scene.ts';
import type { Lies } from './relay-liar.ts';

export const day = 86_400_000 as Duration;

export const limits: RelayLimits = {
  bytes: 2 << 20,
  letters: 1000,
  senderBytes: 1 << 20,
  senderLetters: 500,
  recipientBytes: 1 << 20,
  recipientLetters: 500,
  age: (30 * day) as Duration,
  clients: 100,
};

/** Relays of this run, so that tests can look into them. */
export type Relays = Map<string, Relay>;

/** A node that only relays. `changed`: what it is bent to. */
export function relayPlan(
  name: string,
  relays: Relays,
  changes: Partial<RelayLimits> = {},
  lies: Lies | null = null,
): AgentPlan {
  const mail = async ({ env, overlay: honest }: MailParts): Promise<SimulatedMail> => {
    const overlay = lies === null ? honest : lies.sending(env, honest);
    const mailboxes = await openRing(env, {
      directory: '/mailboxes',
      sizeBytes: 4 << 20,
      full: 'refuse',
      commitWindow: milliseconds(0),
    });
    const relay = new Relay(
      { env, overlay, mailboxes },
      { limits: { ...limits, ...changes }, standing: () => 'contact' },
    );
    relays.set(name, relay);
    const mail = new Mail(overlay.publicKey, relay, null);
    return {
      post: null,
      mail: lies === null ? mail : lies.receiving(env, honest, mail),
      start: () => relay.start(),
      stop: () => relay.stop(),
    };
  };
  return { name, peers: [], links: [], accepts: [], ring: {}, mail };
}

/** A node that sends to another and takes from it, and knows relays. */
export function clientPlan(name: string, other: string, own: readonly string[], theirs: readonly string[]): AgentPlan {
  const mail = ({ env, overlay, ring, contacts }: MailParts): Promise<SimulatedMail> => {
    const keys = (names: readonly string[]): PublicKey[] =>
      names.flatMap((one) => (contacts.get(one) === undefined ? [] : [contacts.get(one) as PublicKey]));
    const peer = contacts.get(other) as PublicKey;
    const post = new PostOffice(
      { env, overlay, ring, envelopes: plain(overlay.publicKey) },
      {
        own: keys(own),
        configured: (contact) => (contact === peer ? keys(theirs) : []),
        contacts: () => [peer],
      },
    );
    return Promise.resolve({ post, mail: new Mail(overlay.publicKey, null, post), start: () => {}, stop: () => {} });
  };
  const peers = [...new Set([...own, ...theirs])];
  return { name, peers, links: [linkTo(other)], accepts: [{ from: other, topics: ['#'] }], ring: {}, mail };
}

/** Opaque bytes in place of sealed ones: kind, sender, recipient, and what is within turned over bit by bit. */
function plain(self: PublicKey): Envelopes {
  return {
    seal: (to, frame, kind) =>
      Buffer.concat([Buffer.of(kind === 'control' ? 3 : 1), Buffer.from(self + to, 'hex'), frame.map((byte) => ~byte)]),
    open: (_depositor, _relay, envelope) => {
      const from = Buffer.from(envelope.subarray(1, 33)).toString('hex') as PublicKey;
      if (Buffer.from(envelope.subarray(33, 65)).toString('hex') !== self) return 'worthless';
      return { from, frame: envelope.slice(65).map((byte) => ~byte), isControl: envelope[0] === 3 };
    },
    announcement: () => null,
    learn: () => {},
    drained: () => {},
  };
}

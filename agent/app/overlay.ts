import type { Contacts, MessageDesk } from '#api';
import type { Bus, Files } from '#bus';
import { formatSubnet, type Identity, subnetOf } from '#crypto';
import type { Env, NetworkKey } from '#kernel';
import {
  type AnnouncedMessage,
  createDaemonOverlay,
  createOverlay,
  type Overlay,
  type ReceivedMessage,
  type WantedTopic,
} from '#overlay';
import type { Ring } from '#ring';
import type { Configuration } from './config/read.ts';
import { isBusTopic } from './desk.ts';
import { transitMemory } from './transit-memory.ts';

export interface OverlayParts {
  readonly identity: Identity;
  readonly network: NetworkKey | null;
  readonly contacts: Contacts;
  readonly desk: MessageDesk;
  readonly ring: Ring;
  /** It exists when the first message comes. */
  readonly bus: () => Bus;
  readonly files: () => Files;
}

/** The embedded node, or a stock daemon in its place. */
export function makeOverlay({ overlay: settings }: Configuration, env: Env, parts: OverlayParts): Overlay {
  const { identity, network, desk, bus, files } = parts;
  const ways = {
    admit: (announced: AnnouncedMessage) =>
      isBusTopic(announced.topic) ? bus().admits(announced) || files().admits(announced) : desk.admit(announced),
    store: (message: ReceivedMessage) => (isBusTopic(message.topic) ? null : desk.store(message)),
    received: (message: ReceivedMessage) => {
      if (!bus().receive(message) && !files().receive(message)) desk.received(message);
    },
  };
  if (settings.daemon !== undefined) {
    return createDaemonOverlay(env, identity, {
      ...ways,
      at: settings.daemon,
      topics: () => wantedTopics(parts),
      isForLater: (announced) => !isBusTopic(announced.topic) && desk.isWelcome(announced),
    });
  }
  return createOverlay(env, identity, {
    ...ways,
    listen: settings.listen,
    peers: settings.peers,
    transit: settings.transit,
    transitLimit: settings.transit_limit,
    transitMemory: transitMemory(parts.ring),
    network,
    proxy: settings.proxy ?? null,
    discovery: settings.discovery,
  });
}

const none = new Uint8Array(0);

/** The bus and messages without a topic are for contacts; other topics for those that they are configured for. */
function wantedTopics({ contacts, desk: { topics }, bus, files }: OverlayParts): WantedTopic[] {
  const known = contacts.all().map(({ address }) => formatSubnet(subnetOf(address)));
  const configured = topics.all().map((topic) => ({ topic, sources: topics.sources(topic) ?? [] }));
  const plain = topics.sources(none) === undefined ? [{ topic: none, sources: topics.acceptsOthers ? known : [] }] : [];
  const own = [bus().topic, files().topic].map((topic) => ({ topic, sources: known }));
  return [...own, ...plain, ...configured];
}

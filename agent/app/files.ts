import type { AgentEvent, Contacts, EventHub } from '#api';
import type { Broker } from '#broker';
import { type ArrivedFile, createFiles, type Files, type FilesEvent, safeName } from '#bus';
import type { Env, PublicKey } from '#kernel';
import type { Links } from '#links';
import type { Overlay } from '#overlay';
import type { Ring } from '#ring';
import type { Configuration } from './config/read.ts';

export interface FilesParts {
  readonly data: string;
  readonly overlay: Overlay;
  readonly ring: Ring;
  readonly contacts: Contacts;
  readonly links: Links;
  readonly broker: () => Broker;
  readonly events: EventHub;
}

/** File transfers: contacts may talk of them, `[[accept]]` says what they may bring. */
export function makeFiles({ files: settings }: Configuration, env: Env, parts: FilesParts): Files {
  const { data, overlay, ring, contacts, links, broker, events } = parts;
  return createFiles(
    { env, overlay, ring },
    {
      directory: data,
      limits: { totalBytes: settings.space, atOnce: settings.at_once },
      knows: (from) => contacts.withKey(from) !== undefined,
      mayBring: (from, topic) => links.fileLimit(from, topic),
      nameOf: (from) => safeName(nameOf(from, contacts)),
      arrived: (file) => tell(broker(), file, contacts),
      event: (event) => events.publish(asFileEvent(event, contacts)),
    },
  );
}

const nameOf = (key: PublicKey, contacts: Contacts): string => contacts.withKey(key)?.name ?? key.slice(0, 16);

/** `hypha/files/received`, for those who subscribe to it: not retained, QoS 1. */
function tell(broker: Broker, { id, from, topic, path, sizeBytes, root }: ArrivedFile, contacts: Contacts): void {
  const notice = { id, from: nameOf(from, contacts), publicKey: from, topic, path, size: sizeBytes, hash: root };
  const payload = Buffer.from(JSON.stringify(notice));
  broker.publish({ topic: 'hypha/files/received', qos: 1, retain: false, payload, properties: {} });
}

function asFileEvent({ kind, transfer }: FilesEvent, contacts: Contacts): AgentEvent {
  const { id, direction, peer, topic, name, path, sizeBytes, doneBytes, bytesPerSecond, state, why } = transfer;
  return {
    kind,
    id,
    direction,
    peer: nameOf(peer, contacts),
    topic,
    name,
    path,
    sizeBytes,
    doneBytes,
    bytesPerSecond,
    state,
    why,
  };
}

import {
  type AskSocket,
  type Contacts,
  Forwarding,
  Inbox,
  type Letters,
  MessageDesk,
  type Strangers,
  Topics,
} from '#api';
import type { Env } from '#kernel';
import type { Overlay } from '#overlay';
import type { Ring } from '#ring';
import type { Configuration } from './config/read.ts';

/** Readers that wait for a message at a time. */
const waiters = 64;

/** The durable inbox of plain messages, in the data directory. */
export async function openInbox(env: Env, data: string, api: Configuration['api']): Promise<Inbox> {
  const limits = { messages: api.inbox_messages, bytes: api.inbox, waiters };
  const inbox = new Inbox({ ...env, directory: `${data}/inbox`, limits });
  await inbox.open();
  return inbox;
}

/** Where plain messages come in and go out. `overlay` exists when the first of them does. */
export function makeDesk(
  { clock, log }: Env,
  parts: {
    readonly ring: Ring;
    readonly inbox: Inbox;
    readonly contacts: Contacts;
    readonly strangers: Strangers;
    readonly programs: { readonly letters: Letters };
    readonly askSocket: AskSocket;
    readonly overlay: () => Overlay;
  },
): MessageDesk {
  return new MessageDesk({
    clock,
    contacts: parts.contacts,
    inbox: parts.inbox,
    topics: new Topics(parts.ring),
    forwarding: new Forwarding(parts.askSocket, log),
    letters: parts.programs.letters,
    reserved: isBusTopic,
    stranger: (from) => void parts.strangers.note(from),
    send: (message) => parts.overlay().send(message),
    markRead: (id, from) => parts.overlay().markRead(id, from),
  });
}

const busPrefix = Buffer.from('hypha/bus/');

/** The bus's own topics, of this version and others: plain messages neither see nor use them. */
export function isBusTopic(topic: Uint8Array): boolean {
  return Buffer.compare(topic.subarray(0, busPrefix.length), busPrefix) === 0;
}

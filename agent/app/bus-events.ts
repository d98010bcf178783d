import type { AgentEvent, Contacts } from '#api';
import type { BusEvent } from '#bus';

const laneNames = ['urgent', 'normal', 'bulk'] as const;

/** What the bus says of its streams, for those who watch the agent: contacts by name. */
export function asEvent(event: BusEvent, contacts: Contacts): AgentEvent {
  const { kind, lane, ...rest } = event;
  const named =
    'to' in rest ? { ...rest, to: nameOf(rest.to, contacts) } : { ...rest, from: nameOf(rest.from, contacts) };
  return { kind: `bus-${kind}`, lane: laneNames[lane], ...named };
}

const nameOf = (key: Parameters<Contacts['withKey']>[0], contacts: Contacts): string =>
  contacts.withKey(key)?.name ?? key;

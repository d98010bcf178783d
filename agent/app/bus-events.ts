import type { AgentEvent, Contacts } from '#api';
import type { BusEvent } from '#bus';

const laneNames = ['urgent', 'normal', 'bulk'] as const;

/** What the bus says of its streams, for those who watch the agent: contacts by name. */
export function asEvent(event: BusEvent, contacts: Contacts): AgentEvent {
  const { kind, lane, ...rest } = event;
  let named: Readonly<Record<string, string | number | boolean>>;
  if ('to' in rest) named = { ...rest, to: nameOf(rest.to, contacts) };
  else if ('from' in rest) named = { ...rest, from: nameOf(rest.from, contacts) };
  else named = { ...rest, contact: nameOf(rest.contact, contacts) };
  return { kind: `bus-${kind}`, lane: laneNames[lane], ...named };
}

const nameOf = (key: Parameters<Contacts['withKey']>[0], contacts: Contacts): string =>
  contacts.withKey(key)?.name ?? key;

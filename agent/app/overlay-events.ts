import type { AgentEvent, Contacts } from '#api';
import type { PublicKey } from '#kernel';
import type { PeerChange } from '#overlay';

/** A route to some node has come or gone, for those who watch the agent. */
export const asRouteEvent = (to: PublicKey, reachable: boolean, contacts: Contacts): AgentEvent => ({
  kind: 'route',
  to: contacts.withKey(to)?.name ?? to,
  publicKey: to,
  reachable,
});

/** A link stands, or stands no more and why. */
export const asPeerEvent = ({ endpoint, kind, state, why, stoodForMs }: PeerChange): AgentEvent => ({
  kind: 'peer',
  peer: endpoint,
  link: kind,
  state,
  why,
  stoodForMs,
});

import type { AgentEvent, Contacts } from '#api';
import type { PublicKey } from '#kernel';

/** A route to some node has come or gone, for those who watch the agent. */
export const asRouteEvent = (to: PublicKey, reachable: boolean, contacts: Contacts): AgentEvent => ({
  kind: 'route',
  to: contacts.withKey(to)?.name ?? to,
  publicKey: to,
  reachable,
});

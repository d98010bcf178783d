export { type Account, type AccountLine, accountOf } from './account.ts';
export { type Contact, Contacts } from './contacts.ts';
export { deskLimits, MessageDesk } from './desk.ts';
export { type AgentEvent, EventHub } from './events.ts';
export { createApi } from './server.ts';
export type { Api, ApiOptions, Listening, NodeCard } from './types.ts';
export { cardOf, endpointText } from './views.ts';

export type { LinksPorts } from './links.ts';
export { createLinks } from './links.ts';
export { type RemovedLink, removedLinks } from './removed.ts';
export type {
  AcceptRule,
  ArrivedMessage,
  LinkCounters,
  LinkRule,
  LinkState,
  Links,
  LinksOptions,
  LinkView,
  RemovedLink,
} from './types.ts';

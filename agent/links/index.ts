export type { LinksPorts } from './links.ts';
export { createLinks } from './links.ts';
export { removedLinks } from './removed.ts';
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

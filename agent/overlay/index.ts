export { createDaemonOverlay } from './daemon/node.ts';
export type { WantedTopic } from './daemon/policy.ts';
export type { DaemonOptions } from './daemon/types.ts';
export { createOverlay } from './node.ts';
export type {
  AnnouncedMessage,
  DaemonStatus,
  MessageId,
  MessageState,
  MessageStatus,
  OutgoingMessage,
  Overlay,
  OverlayCounters,
  OverlayOptions,
  PeerStatus,
  ReceivedMessage,
  RouteStatus,
} from './types.ts';

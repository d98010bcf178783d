export { createOverlay } from './node.ts';
export type {
  AnnouncedMessage,
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

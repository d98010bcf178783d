export { createDaemonOverlay } from './daemon/node.ts';
export type { WantedTopic } from './daemon/policy.ts';
export type { DaemonOptions } from './daemon/types.ts';
export { createOverlay } from './node.ts';
export { type ExplainedField, type ExplainedFrame, explain } from './seeing/explain.ts';
export type { SeenPacket } from './seeing/packet-ring.ts';
export type { TraceReport } from './seeing/trace.ts';
export type { PeerChange, Sight } from './seeing/types.ts';
export type {
  AnnouncedMessage,
  DaemonStatus,
  MessageId,
  MessagePriority,
  MessageState,
  MessageStatus,
  OutgoingMessage,
  Overlay,
  OverlayCounters,
  OverlayOptions,
  PeerStatus,
  ReceivedMessage,
  RouteStatus,
  TransitMemory,
} from './types.ts';

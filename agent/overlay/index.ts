export { createOverlay } from './node.ts';
export { formatPeer, type PeerEndpoint } from './transport/endpoint.ts';
export { type ProxyServer, parseProxy } from './transport/proxy/proxy.ts';
export { type ParsedPeer, parsePeer } from './transport/registry.ts';
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

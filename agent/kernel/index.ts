export type { Address, Brand, Epoch, PublicKey, Sequence, Subnet } from './brand.ts';
export { parsePublicKey, sequence } from './brand.ts';
export { bufferOver, bytesOfHex, hexOf, release } from './bytes.ts';
export type { Disk, DiskCode, DiskFile, DiskLock } from './disk.ts';
export { pageBytes } from './disk.ts';
export type { Clock, Env, Log, LogFields, Random, Timer } from './env.ts';
export type { Remedy } from './error.ts';
export { AgentError, assert, isAgentError, messageOf, unreachable } from './error.ts';
export type { Machine } from './machine.ts';
export type {
  ByteLink,
  DatagramSource,
  Endpoint,
  LinkEvents,
  LinkSide,
  Listener,
  Multicast,
  Net,
  NetworkInterface,
  NetworkKey,
} from './net.ts';
export { formatPeer, type ParsedPeer, type PeerEndpoint, parsePeer, type Scheme } from './peer-endpoint.ts';
export { formatProxy, type ProxyCredentials, type ProxyServer, parseProxy } from './proxy-server.ts';
export { BoundedQueue } from './queue.ts';
export { Secret } from './secret.ts';
export type { Duration, Instant, WallTime } from './time.ts';
export { after, instant, milliseconds, minutes, never, seconds, since } from './time.ts';
export { isTopicFilter, isTopicName, TopicIndex, topicMatches } from './topic.ts';

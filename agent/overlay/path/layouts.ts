import { constant, hex, type Layout, layout, lengthOf, rest, sizedBy, u8, u16, u32, within } from '#codec';
import type { Subnet } from '#kernel';
import type { MessageId } from '../types.ts';
import { frameType, messageFlag, pathVersion, stateCode } from './wire.ts';

/** Path packet: what a plaintext of kind 73 holds. FORMAT.md. 10 bytes and the frames. token: the receiver's, zero outside a session. */
export const pathPacket = layout('path', { token: hex(6), number: u32, frames: rest(65_535) });

/** PING. FORMAT.md. 1 byte. */
export const pingFrameLayout = layout('path.ping', { type: constant(u8, frameType.ping) });

/** ACK, without the ranges behind the first. FORMAT.md. 10 bytes. delay in tenths of a millisecond. */
export const ackFrameLayout = layout('path.ack', {
  type: constant(u8, frameType.ack),
  largest: u32,
  delay: u16,
  first: u16,
  ranges: u8,
  more: rest(4 * 255),
});

/** One further range of an ACK. FORMAT.md. 4 bytes. Numbers missing before it, and numbers in it less one. */
export const ackRangeLayout = layout('path.ack-range', { gap: u16, length: u16 });

const greeting = { version: constant(u8, pathVersion), token: hex(6), subnet: hex<Subnet>(8), accepts: u16 };

/** HELLO. FORMAT.md. 18 bytes. */
export const helloFrameLayout = layout('path.hello', { type: constant(u8, frameType.hello), ...greeting });

/** WELCOME. FORMAT.md. 18 bytes. */
export const welcomeFrameLayout = layout('path.welcome', { type: constant(u8, frameType.welcome), ...greeting });

/** RESET. FORMAT.md. 7 bytes. */
export const resetFrameLayout = layout('path.reset', { type: constant(u8, frameType.reset), token: hex(6) });

/** ASK. FORMAT.md. 14 bytes. flags: 1 for a reply. */
export const askFrameLayout = layout('path.ask', {
  type: constant(u8, frameType.ask),
  flags: u8,
  tag: u32,
  id: hex<MessageId>(8),
});

/** ABORT and READ. FORMAT.md. 9 bytes. */
export const aboutFrameLayout = layout('path.about', {
  type: within(u8, frameType.abort, frameType.read),
  id: hex<MessageId>(8),
});

/** STATE. FORMAT.md. 6 bytes. Of `tag` and so many more behind it. */
export const stateFrameLayout = layout('path.state', {
  type: within(u8, frameType.state, frameType.state + stateCode.conflict),
  tag: u32,
  more: u8,
});

const flags = messageFlag.reply | messageFlag.patient;
const identity = { id: hex<MessageId>(8), tag: u32, topicLength: lengthOf('topic', u8), size: lengthOf('data', u16) };
const content = { topic: sizedBy('topicLength'), data: sizedBy('size') };

/** WHOLE. FORMAT.md. 16 bytes, the topic and the data. */
export const wholeFrameLayout = layout('path.whole', {
  type: within(u8, frameType.whole, frameType.whole + flags),
  ...identity,
  ...content,
});

/** FRAGMENT. FORMAT.md. 24 bytes, the topic and the data. */
export const fragmentFrameLayout = layout('path.fragment', {
  type: within(u8, frameType.fragment, frameType.fragment + flags),
  ...identity,
  total: u32,
  offset: u32,
  ...content,
});

/** The table for a frame that begins with this byte; undefined when it names none. */
export function frameLayout(type: number): Layout<object> | undefined {
  if (type >= frameType.fragment) return type <= frameType.fragment + flags ? fragmentFrameLayout : undefined;
  if (type >= frameType.whole) return type <= frameType.whole + flags ? wholeFrameLayout : undefined;
  if (type >= frameType.state) return type <= frameType.state + stateCode.conflict ? stateFrameLayout : undefined;
  const simple: Readonly<Record<number, Layout<object>>> = {
    [frameType.ping]: pingFrameLayout,
    [frameType.ack]: ackFrameLayout,
    [frameType.hello]: helloFrameLayout,
    [frameType.welcome]: welcomeFrameLayout,
    [frameType.reset]: resetFrameLayout,
    [frameType.ask]: askFrameLayout,
    [frameType.abort]: aboutFrameLayout,
    [frameType.read]: aboutFrameLayout,
  };
  return simple[type];
}

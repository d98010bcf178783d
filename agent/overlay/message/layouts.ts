import { hex, type Layout, layout, lengthOf, reserved, rest, sizedBy, u8, u16, u64 } from '#codec';
import type { MessageId } from '../types.ts';
import { flag, kindOf } from './wire.ts';

/** Message packet. WIRE.md §5; Mycelium 0.7.10. 12 bytes and the body. flags as in `flag`. */
export const messagePacket = layout('message', {
  id: hex<MessageId>(8),
  flags: u16,
  reserved: reserved(2),
  body: rest(65_535),
});

/** INIT. WIRE.md §5; Mycelium 0.7.10. 9 bytes and the topic. */
export const initBody = layout('init', {
  length: u64,
  topicLength: lengthOf('topic', u8),
  topic: sizedBy('topicLength'),
});

/** INIT+ACK. WIRE.md §5; Mycelium 0.7.10. The first 9 bytes of INIT's body. */
export const initAckBody = layout('init-ack', { length: u64, topicLength: u8 });

/** CHUNK. WIRE.md §5; Mycelium 0.7.10. 24 bytes and the data. */
export const chunkBody = layout('chunk', { index: u64, offset: u64, size: u64, data: rest(65_535) });

/** CHUNK+ACK. WIRE.md §5; Mycelium 0.7.10. 24 bytes. */
export const chunkAckBody = layout('chunk-ack', { index: u64, offset: u64, size: u64 });

/** DONE and DONE+ACK. WIRE.md §5; Mycelium 0.7.10. 40 bytes. hash: BLAKE3-256 of the data. */
export const doneBody = layout('done', { chunkCount: u64, hash: hex(32) });

/** READ and ABORTED. WIRE.md §5; Mycelium 0.7.10. Nothing. */
export const emptyBody = layout('empty', {});

/** The table for the body of a packet with these flags; undefined when they name nothing. */
export function bodyLayout(flags: number): Layout<object> | undefined {
  const isAck = (flags & flag.ack) !== 0;
  switch (kindOf(flags)) {
    case 'init':
      return isAck ? initAckBody : initBody;
    case 'chunk':
      return isAck ? chunkAckBody : chunkBody;
    case 'done':
      return doneBody;
    case 'read':
    case 'aborted':
      return emptyBody;
    default:
      return undefined;
  }
}

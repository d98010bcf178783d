import { AgentError } from '#kernel';
import type { OutgoingMessage } from '../types.ts';
import { topicLimitBytes } from './wire.ts';

/** Throws `overlay/topic-too-long` and `overlay/message-too-long`. */
export function refuseBadInput(message: OutgoingMessage, limitBytes: number): void {
  const { topic, payload } = message;
  if (topic.length > topicLimitBytes) {
    throw new AgentError(
      'overlay/topic-too-long',
      'reject',
      `topic: ${topic.length} bytes, at most ${topicLimitBytes}`,
    );
  }
  if (payload.length > limitBytes) {
    throw new AgentError(
      'overlay/message-too-long',
      'reject',
      `message: ${payload.length} bytes, at most ${limitBytes}`,
    );
  }
}

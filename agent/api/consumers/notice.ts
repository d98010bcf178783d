import { decodeBody } from '#codec';
import { isAgentError } from '#kernel';
import type { MessageRecord } from '#ring';
import type { Contacts } from '../contacts.ts';
import { toBase64 } from '../stock/shapes.ts';
import type { Notice } from './consumer.ts';

/** What a program is told, as JSON: `id` is what it acknowledges, and rises. */
export function noticeView(notice: Notice, again: boolean, contacts: Contacts) {
  if (notice.kind === 'gap') {
    const { kind, from, to, count, reason, topics } = notice;
    return { kind, id: String(to), from: String(from), count, reason, topics, again };
  }
  const { sequence, topic, qos, retain, age, provenance } = notice;
  const { properties, payload } = contentOf(notice);
  const { contentType, responseTopic, correlationData, userProperties } = properties;
  const origin = provenance?.origin ?? null;
  return {
    kind: 'message' as const,
    id: String(sequence),
    topic,
    payload: toBase64(payload),
    qos,
    retain,
    ageMs: age,
    origin: origin === null ? null : (contacts.withKey(origin)?.name ?? origin),
    again,
    ...(contentType === undefined ? {} : { contentType }),
    ...(responseTopic === undefined ? {} : { responseTopic }),
    ...(correlationData === undefined ? {} : { correlationData: toBase64(correlationData) }),
    ...(userProperties === undefined ? {} : { user: userProperties }),
  };
}

/** A record with a body that is no publication is given as it is. */
export function contentOf({ body }: MessageRecord): ReturnType<typeof decodeBody> {
  try {
    return decodeBody(body);
  } catch (error) {
    if (!isAgentError(error)) throw error;
    return { properties: {}, payload: body };
  }
}

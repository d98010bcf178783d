import type { MessageId, MessageState, OutgoingMessage, Overlay } from '#overlay';

export type Frame = Pick<OutgoingMessage, 'to' | 'topic' | 'payload' | 'priority' | 'isPatient'> & {
  readonly deadlineMs: number;
};

/**
 * Gives a frame to the overlay, and tells once how it ended. The answer: what to abort it by; that it has ended already;
 * or that the overlay has no room for it, and nothing will be told.
 */
export function sendFrame(
  overlay: Overlay,
  frame: Frame,
  ended: (became: 'received' | 'aborted') => void,
): MessageId | 'ended' | 'refused' {
  let over = false;
  const changed = (state: MessageState): void => {
    if (over || (state !== 'received' && state !== 'aborted' && state !== 'read')) return;
    over = true;
    ended(state === 'aborted' ? 'aborted' : 'received');
  };
  const payload = padded(frame.payload, overlay);
  const sent = overlay.send({ isPatient: true, ...frame, payload, replyTo: null, changed });
  if (sent === null) return 'refused';
  return over ? 'ended' : sent;
}

/**
 * Some lengths never arrive from a stock daemon (see `Overlay.payloadLength`). Only batches are long enough for that, and
 * zeros behind their items mean nothing.
 */
function padded(payload: Uint8Array, overlay: Overlay): Uint8Array {
  const length = overlay.payloadLength?.(payload.length) ?? payload.length;
  if (length === payload.length) return payload;
  const longer = new Uint8Array(length);
  longer.set(payload);
  return longer;
}

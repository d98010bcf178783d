/** What the message subsystem counts, as in /metrics without the `hypha_overlay_` prefix. Only ever growing. */
export interface MessageCounters {
  messages_sent: number;
  messages_acked: number;
  messages_aborted: number;
  messages_refused_outbox_full: number;
  chunks_sent: number;
  chunks_resent: number;
  retry_timeouts: number;
  restarts: number;
  messages_received: number;
  messages_received_bytes: number;
  messages_not_stored: number;
  duplicates_refused: number;
  inits_not_admitted: number;
  inits_too_large: number;
  inits_no_room: number;
  half_open_replaced: number;
  half_open_evicted: number;
  half_open_forgotten: number;
  half_open_aborted: number;
  chunks_refused: number;
  dones_refused: number;
  packets_malformed: number;
  packets_unmatched: number;
}

export const newCounters = (): MessageCounters => ({
  messages_sent: 0,
  messages_acked: 0,
  messages_aborted: 0,
  messages_refused_outbox_full: 0,
  chunks_sent: 0,
  chunks_resent: 0,
  retry_timeouts: 0,
  restarts: 0,
  messages_received: 0,
  messages_received_bytes: 0,
  messages_not_stored: 0,
  duplicates_refused: 0,
  inits_not_admitted: 0,
  inits_too_large: 0,
  inits_no_room: 0,
  half_open_replaced: 0,
  half_open_evicted: 0,
  half_open_forgotten: 0,
  half_open_aborted: 0,
  chunks_refused: 0,
  dones_refused: 0,
  packets_malformed: 0,
  packets_unmatched: 0,
});

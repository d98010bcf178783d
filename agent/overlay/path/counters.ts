/** What the better path counts, as in /metrics without the `hypha_overlay_` prefix. Only ever growing. */
export interface PathCounters {
  path_packets_sent: number;
  path_packets_received: number;
  /** Packets that carry nothing but an acknowledgement. */
  path_acks_sent: number;
  path_packets_lost: number;
  path_packets_twice: number;
  path_packets_malformed: number;
  /** Of a session that is not known here. */
  path_packets_stray: number;
  path_silences: number;
  path_hellos_sent: number;
  path_hellos_received: number;
  path_hellos_refused: number;
  path_sessions: number;
  path_resets_sent: number;
  path_resets_received: number;
  path_messages_sent: number;
  path_messages_received: number;
  path_messages_refused: number;
  /** Handed to the messages of old. */
  path_messages_handed_over: number;
}

export const newPathCounters = (): PathCounters => ({
  path_packets_sent: 0,
  path_packets_received: 0,
  path_acks_sent: 0,
  path_packets_lost: 0,
  path_packets_twice: 0,
  path_packets_malformed: 0,
  path_packets_stray: 0,
  path_silences: 0,
  path_hellos_sent: 0,
  path_hellos_received: 0,
  path_hellos_refused: 0,
  path_sessions: 0,
  path_resets_sent: 0,
  path_resets_received: 0,
  path_messages_sent: 0,
  path_messages_received: 0,
  path_messages_refused: 0,
  path_messages_handed_over: 0,
});

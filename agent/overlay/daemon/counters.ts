export interface DaemonCounters {
  daemon_restarts: number;
  daemon_failures: number;
  daemon_policy_repairs: number;
  messages_sent: number;
  messages_acknowledged: number;
  messages_aborted: number;
  messages_refused: number;
  messages_too_large: number;
  messages_of_awkward_length: number;
  messages_received: number;
  messages_received_bytes: number;
  messages_not_admitted: number;
  messages_held: number;
  duplicates_refused: number;
  too_large_dropped: number;
  popped_by_others: number;
}

export const newCounters = (): DaemonCounters => ({
  daemon_restarts: 0,
  daemon_failures: 0,
  daemon_policy_repairs: 0,
  messages_sent: 0,
  messages_acknowledged: 0,
  messages_aborted: 0,
  messages_refused: 0,
  messages_too_large: 0,
  messages_of_awkward_length: 0,
  messages_received: 0,
  messages_received_bytes: 0,
  messages_not_admitted: 0,
  messages_held: 0,
  duplicates_refused: 0,
  too_large_dropped: 0,
  popped_by_others: 0,
});

import type { Endpoint } from '#kernel';
import type { AnnouncedMessage, OverlayOptions } from '../types.ts';
import type { WantedTopic } from './policy.ts';

export interface DaemonOptions extends Pick<OverlayOptions, 'admit' | 'store' | 'received'> {
  /** Its HTTP API. */
  readonly at: Endpoint;
  /** What the agent reads, the most urgent first. Asked again and again: it may change. */
  readonly topics: () => readonly WantedTopic[];
  /**
   * Asked about a message that `admit` has refused. True: only for now (there is no room), and it stays in the daemon.
   * False: it is taken out and dropped.
   */
  readonly isForLater: (announced: AnnouncedMessage) => boolean;
}

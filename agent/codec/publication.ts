/**
 * An MQTT publication as it crosses hypha: what the broker takes, the ring stores, the bus carries and the far broker
 * gives out. The record body on disk and on the wire is
 *
 *   property length (varint) | MQTT 5 properties as on the wire (§2.2.2.2) | payload
 *
 * with only the properties that belong to the message itself (not topic alias, not subscription identifier).
 */
export interface Publication {
  readonly topic: string;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly payload: Uint8Array;
  readonly properties: MessageProperties;
}

/** The PUBLISH properties that travel with a message (MQTT 5 §3.3.2.3). */
export interface MessageProperties {
  readonly payloadFormatIndicator?: boolean;
  /** Seconds. Counted down by the record's age when the message is given out. */
  readonly messageExpiryInterval?: number;
  readonly responseTopic?: string;
  readonly correlationData?: Uint8Array;
  readonly userProperties?: readonly (readonly [name: string, value: string])[];
  readonly contentType?: string;
}

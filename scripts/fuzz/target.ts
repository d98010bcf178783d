/** One decoder under attack. */
export interface Target {
  readonly name: string;
  /** Valid inputs to start from: real bytes wherever there are some. */
  seeds(): Uint8Array[] | Promise<Uint8Array[]>;
  /**
   * Takes any bytes. A refusal is a return or an `AgentError`; anything else thrown is a finding, as are a run of more than a
   * second and a buffer of more than 16 MB asked for.
   */
  run(bytes: Uint8Array): unknown;
  /** 4,096 unless said. */
  readonly maxBytes?: number;
}

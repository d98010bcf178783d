import type { DeliveryLog, PublishLog } from '../log.ts';
import { varint } from '../packets.ts';
import type { StoredMessage } from './image.ts';

/** What was found wrong, in words; empty when everything agrees. */
export type Findings = string[];

/** Publisher and counter of the reading in a message. */
export function readingOf(message: StoredMessage): { readonly publisher: number; readonly counter: number } {
  const [propertyBytes, at] = varint(message.body, 0);
  const payloadAt = at + propertyBytes;
  return { publisher: message.body.readUInt32LE(payloadAt), counter: message.body.readUInt32LE(payloadAt + 4) };
}

/** The near ring against its publishers: everything answered is stored, in order, no oftener than it was sent. */
export function compareNear(messages: readonly StoredMessage[], logs: readonly PublishLog[]): Findings {
  const findings: Findings = [];
  for (const log of logs) {
    const copies = new Uint16Array(log.sent + 1);
    let highest = 0;
    for (const message of messages) {
      if (message.topic !== log.topic) continue;
      const { counter, publisher } = readingOf(message);
      if (publisher !== log.publisher || counter > log.sent) findings.push(`near ${message.sequence}: never sent`);
      else if (copies[counter] === 0 && counter < highest) findings.push(`near ${message.sequence}: out of order`);
      copies[counter] = (copies[counter] ?? 0) + 1;
      highest = Math.max(highest, counter);
    }
    findings.push(...copyFindings(log, copies));
  }
  return findings;
}

function copyFindings(log: PublishLog, copies: Uint16Array): Findings {
  const findings: Findings = [];
  for (let counter = 1; counter <= log.sent; counter++) {
    const found = copies[counter] ?? 0;
    const most = log.qos === 2 ? 1 : log.sends.at(counter - 1);
    if (found === 0 && log.isAnswered(counter)) findings.push(`${log.topic} ${counter}: answered, not in the ring`);
    if (found > most) findings.push(`${log.topic} ${counter}: ${found} records, sent ${most} times`);
  }
  return findings;
}

/** The far ring against the near one, sequence by sequence: the same records, each once, in the same order. */
export function compareFar(
  near: readonly StoredMessage[],
  far: readonly StoredMessage[],
  nearKey: string,
  farTopic: (near: string) => string,
): Findings {
  const findings: Findings = [];
  const arrived = far.filter(({ origin }) => origin?.key === nearKey);
  for (let index = 0; index < Math.max(near.length, arrived.length); index++) {
    const [sent, got] = [near[index], arrived[index]];
    if (sent === undefined || got === undefined) {
      findings.push(`${near.length} records near, ${arrived.length} far`);
      break;
    }
    const { origin } = got;
    const isSame = origin?.epoch === sent.epoch && origin.sequence === sent.sequence;
    if (!isSame)
      findings.push(
        `far ${got.sequence}: born as ${origin?.epoch} ${origin?.sequence}, wanted ${sent.epoch} ${sent.sequence}`,
      );
    else if (got.topic !== farTopic(sent.topic) || !got.body.equals(sent.body))
      findings.push(`far ${got.sequence}: changed`);
    if (findings.length > 10) break;
  }
  return findings;
}

/**
 * The subscriber against the far ring: leaving out what carries DUP, it got the ring's records in the ring's order;
 * what is missing from that came with DUP.
 */
export function compareDeliveries(far: readonly StoredMessage[], log: DeliveryLog): Findings {
  const findings: Findings = [];
  const redelivered = withDup(log);
  let at = 0;
  /** Passes over what came with DUP only, up to the record that is wanted (null: to the end). */
  const passTo = (wanted: string | null): boolean => {
    for (; at < far.length; at++) {
      const record = far[at] as StoredMessage;
      const { publisher, counter } = readingOf(record);
      const found = `${publisher}/${counter}`;
      if (found === wanted) return true;
      if (!redelivered.has(found))
        findings.push(`far ${record.sequence}: ${found} never delivered before ${wanted ?? 'the end'}`);
    }
    return wanted === null;
  };
  for (let row = 0; row < log.count && findings.length < 10; row++) {
    if (log.isDup(row)) continue;
    const wanted = `${log.publisher.at(row)}/${log.counter.at(row)}`;
    if (passTo(wanted)) at++;
    else findings.push(`delivery ${row}: ${wanted} stands nowhere in the rest of the far ring`);
  }
  passTo(null);
  return findings;
}

function withDup(log: DeliveryLog): Set<string> {
  const found = new Set<string>();
  for (let row = 0; row < log.count; row++)
    if (log.isDup(row)) found.add(`${log.publisher.at(row)}/${log.counter.at(row)}`);
  return found;
}

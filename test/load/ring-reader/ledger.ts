import { Fields } from './bytes.ts';
import type { LogRecord } from './log.ts';
import { filterPattern } from './matching.ts';

/** What a cursor's reader was owed and what became of it, as `hypha ring audit --json` says it. */
export interface CursorLine {
  readonly cursor: string;
  readonly accepted: number;
  readonly delivered: number;
  readonly expired: number;
  readonly dropped: { readonly full: number; readonly damaged: number; readonly refused: number };
  readonly pending: number;
}

export const recordKind = { message: 1, cursor: 4, settle: 5, cursorRemoved: 6, origin: 7 } as const;

const nobody = '0'.repeat(64);

interface Settlement {
  readonly revision: number;
  readonly settled: number;
  readonly full: number;
  readonly damaged: number;
  readonly expired: number;
  readonly refused: number;
  readonly discovered: number;
}

const unsettled: Settlement = { revision: -1, settled: 0, full: 0, damaged: 0, expired: 0, refused: 0, discovered: 0 };

interface CursorEntry {
  readonly name: string;
  readonly except: string;
  patterns: readonly RegExp[];
  matchedAtAppend: number;
  settlement: Settlement;
}

/** Replays a ring's records into the accounts of its cursors. */
export class Ledger {
  readonly #cursors = new Map<number, CursorEntry>();
  readonly #origins = new Map<number, { readonly key: string; readonly epoch: string }>();

  /** The node and boot (or the node alone) that a provenance number stands for. */
  origin(number: number): { readonly key: string; readonly epoch: string } {
    const found = this.#origins.get(number);
    if (found === undefined) throw new Error(`ring reader: origin ${number} was never named`);
    return found;
  }

  nameOrigin(number: number, key: string, epoch: string): void {
    this.#origins.set(number, { key, epoch });
  }

  openCursor(id: number, name: string, except: string, filters: readonly string[], matchedAtAppend: number): void {
    const patterns = filters.map(filterPattern);
    const known = this.#cursors.get(id);
    if (known === undefined) this.#cursors.set(id, { name, except, patterns, matchedAtAppend, settlement: unsettled });
    else known.patterns = patterns;
  }

  apply(record: LogRecord): void {
    const fields = new Fields(record.body);
    if (record.kind === recordKind.message) this.#message(record);
    else if (record.kind === recordKind.settle) this.settle(fields);
    else if (record.kind === recordKind.cursorRemoved) this.#cursors.delete(fields.u32());
    else if (record.kind === recordKind.origin) this.nameOrigin(fields.u16(), fields.hex(32), fields.hex(12));
    else if (record.kind === recordKind.cursor) this.#cursor(record.name, fields);
  }

  settle(fields: Fields): void {
    const cursor = this.#cursors.get(fields.u32());
    const revision = fields.u48();
    fields.u48();
    const [settled, full, damaged, expired, refused] = [
      fields.u48(),
      fields.u48(),
      fields.u48(),
      fields.u48(),
      fields.u48(),
    ];
    const settlement = { revision, settled, full, damaged, expired, refused, discovered: fields.u48() };
    if (cursor !== undefined && revision > cursor.settlement.revision) cursor.settlement = settlement;
  }

  lines(): CursorLine[] {
    const lines = [...this.#cursors.values()].map(({ name, matchedAtAppend, settlement }) => {
      const { settled, full, damaged, expired, refused, discovered } = settlement;
      const accepted = matchedAtAppend + discovered;
      const pending = accepted - settled - full - damaged - expired - refused;
      return { cursor: name, accepted, delivered: settled, expired, dropped: { full, damaged, refused }, pending };
    });
    return lines.sort((a, b) => (a.cursor < b.cursor ? -1 : 1));
  }

  #cursor(name: string, fields: Fields): void {
    const [id, except] = [fields.u32(), fields.hex(32)];
    fields.u48();
    fields.u48();
    const filters = fields.list(() => fields.longText());
    this.openCursor(id, name, except, filters, 0);
  }

  #message({ name, provenance }: LogRecord): void {
    const from = provenance === null ? [] : [this.origin(provenance.origin).key, this.origin(provenance.via).key];
    for (const cursor of this.#cursors.values()) {
      const isEcho = cursor.except !== nobody && from.includes(cursor.except);
      if (!isEcho && cursor.patterns.some((pattern) => pattern.test(name))) cursor.matchedAtAppend++;
    }
  }
}

import type { Epoch } from '#kernel';
import { bootOf } from './lives.ts';
import { noEpoch } from './position.ts';

const recentLimit = 8;

/** The lives in which the two ends of a stream last met; kept on disk at each end. */
export interface Met {
  readonly theirs: Epoch;
  readonly ours: Epoch;
}

export const neverMet: Met = { theirs: noEpoch, ours: noEpoch };

/** `older`: its boot counter went back. `twin`: a life that another had followed is back: two are alive. */
export type Meeting = 'same' | 'newer' | 'older' | 'twin';

/** What one end of a stream knows of the lives of the other. Only lives that were proven to be live are told to it. */
export class Acquaintance {
  met: Met;
  readonly #ours: Epoch;
  /** Lives before the present one, of this run. */
  #before: Epoch[] = [];

  constructor(met: Met, ours: Epoch) {
    this.met = met;
    this.#ours = ours;
  }

  meets(theirs: Epoch): Meeting {
    const { theirs: last } = this.met;
    this.met = { theirs, ours: this.#ours };
    if (theirs === last) return 'same';
    const isTwin = this.#before.includes(theirs);
    this.#before = [...this.#before.filter((life) => life !== theirs), last].slice(-recentLimit);
    if (isTwin) return 'twin';
    return last !== noEpoch && bootOf(theirs) <= bootOf(last) ? 'older' : 'newer';
  }
}

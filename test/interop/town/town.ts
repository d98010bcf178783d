import { execFileSync } from 'node:child_process';
import type { ExecutionContext } from 'ava';
import type { Endpoint } from '#kernel';
import { cable, namespace, setUp } from '../netns.ts';
import { waitMs } from '../stock.ts';
import type { Citizen, Kind } from './citizen.ts';
import { OurCitizen } from './ours.ts';
import { StockCitizen } from './stock.ts';
import type { Setting } from './talk.ts';

const overlayPort = 9651;

/** A cable between two nodes. The node at its far end is dialled by the one at its near end. */
export interface Street {
  readonly near: number;
  readonly far: number;
  readonly farAddress: string;
  /** True for a next hop, as a node tells it, that is at either end of it. */
  isOnTheWay(nextHop: string | undefined): boolean;
  /** Unplugs it: both ends lose their carrier, and no segment of theirs says goodbye. */
  cut(): void;
  mend(): void;
  /** Packets that have passed, in both directions. */
  packets(): number;
}

/** Of a pair the first dials the second, which has the lower number and is started earlier. */
type Plan = readonly (readonly [number, number])[];

export const line = (count: number): Plan => Array.from({ length: count - 1 }, (_, index) => [index + 1, index]);
export const ring = (count: number): Plan => [...line(count), [count - 1, 0]];
export const star = (count: number): Plan => Array.from({ length: count - 1 }, (_, index) => [index + 1, 0]);

/** Nodes of both kinds, each in a network namespace of its own, and cables between them. Gone with the test. */
export class Town {
  readonly citizens: readonly Citizen[];
  readonly streets: readonly Street[];

  private constructor(citizens: readonly Citizen[], streets: readonly Street[]) {
    this.citizens = citizens;
    this.streets = streets;
  }

  /** Cables of even number carry IPv4, those of odd number IPv6, unless `onlyIpv4`. Resolves when all neighbours know each other. */
  static async found(
    t: ExecutionContext,
    kinds: readonly Kind[],
    plan: Plan,
    more: { readonly options?: Setting['options']; readonly onlyIpv4?: boolean } = {},
  ): Promise<Town> {
    const places = kinds.map((kind, index) => namespace(t, `${index}-${kind}`));
    const streets = plan.map(([near, far], index) => lay(places, near, far, index, more.onlyIpv4 === true));
    const citizens = kinds.map((kind, index) => {
      const peers = streets.filter(({ near }) => near === index).map(({ farAddress }) => farAddress);
      return settle(kind, places[index] ?? '', peers, more.options ?? {});
    });
    t.teardown(() => Promise.all(citizens.map((citizen) => citizen.remove())).then(() => {}));
    for (const citizen of citizens) await citizen.start();
    const town = new Town(citizens, streets);
    await town.neighboursKnowEachOther();
    return town;
  }

  citizen(index: number): Citizen {
    const found = this.citizens[index];
    if (found === undefined) throw new Error(`no citizen ${index}`);
    return found;
  }

  async neighboursKnowEachOther(): Promise<void> {
    const pairs = this.streets.flatMap(({ near, far }) => [[near, far] as const, [far, near] as const]);
    const know = pairs.map(([one, other]) => becomesKnown(this.citizen(one), this.citizen(other)));
    await Promise.all(know);
  }

  ours(index: number): OurCitizen {
    const found = this.citizen(index);
    if (!(found instanceof OurCitizen)) throw new Error(`citizen ${index} is not ours`);
    return found;
  }

  street(index: number): Street {
    const found = this.streets[index];
    if (found === undefined) throw new Error(`no street ${index}`);
    return found;
  }
}

async function becomesKnown(to: Citizen, whom: Citizen): Promise<void> {
  while ((await to.nextHop(whom)) === undefined) await waitMs(20);
}

function settle(kind: Kind, where: string, peers: readonly string[], options: Setting['options']): Citizen {
  if (kind === 'ours') {
    const endpoints: Endpoint[] = peers.map((host) => ({ host, port: overlayPort }));
    return new OurCitizen(where, overlayPort, endpoints, options);
  }
  const urls = peers.map((host) => `tcp://${host.includes(':') ? `[${host}]` : host}:${overlayPort}`);
  return new StockCitizen(where, overlayPort, urls);
}

/** Numbers are those of the places; `index` is the number of the cable, by which its addresses are chosen. */
export function lay(places: readonly string[], near: number, far: number, index: number, onlyIpv4: boolean): Street {
  const [from, to] = [places[near] ?? '', places[far] ?? ''];
  const [fromName, toName] = [`a${index}`, `b${index}`];
  cable([from, fromName], [to, toName]);
  const isIpv6 = !onlyIpv4 && index % 2 === 1;
  const [nearAddress, farAddress] = isIpv6
    ? [`fd77:${index}::1`, `fd77:${index}::2`]
    : [`10.77.${index}.1`, `10.77.${index}.2`];
  const bits = isIpv6 ? 64 : 24;
  addAddress(from, fromName, `${nearAddress}/${bits}`);
  addAddress(to, toName, `${farAddress}/${bits}`);
  return {
    near,
    far,
    farAddress,
    isOnTheWay: (nextHop = '') => [nearAddress, farAddress].some((address) => nextHop.includes(`${address}]:`)),
    cut: () => setUp(to, toName, false),
    mend: () => setUp(to, toName, true),
    packets: () => packetsOf(from, fromName),
  };
}

/** It stays when the interface goes down. */
function addAddress(where: string, name: string, address: string): void {
  const keeps = `echo 1 >/proc/sys/net/ipv6/conf/${name}/keep_addr_on_down`;
  execFileSync('ip', ['netns', 'exec', where, 'sh', '-c', keeps]);
  execFileSync('ip', ['-n', where, 'addr', 'add', address, 'dev', name]);
}

function packetsOf(where: string, name: string): number {
  const said = execFileSync('ip', ['-n', where, '-s', '-j', 'link', 'show', 'dev', name], { encoding: 'utf8' });
  const [link] = JSON.parse(said) as { stats64: Record<'rx' | 'tx', { packets: number }> }[];
  return (link?.stats64.rx.packets ?? 0) + (link?.stats64.tx.packets ?? 0);
}

import type { DatagramSource, Endpoint, Multicast, NetworkInterface } from '#kernel';
import type { Chance } from './chance.ts';
import type { Path } from './path.ts';
import type { World } from './world.ts';

/** What hears a datagram. */
interface Station {
  readonly name: string;
  run(what: () => void): void;
}

interface Member {
  readonly host: Station;
  readonly group: Endpoint;
  readonly joined: Set<string>;
  readonly heard: (datagram: Uint8Array, from: DatagramSource) => void;
}

/** What a datagram needs of the network. */
export interface EtherNetwork {
  readonly world: World;
  path(from: string, to: string): Path;
}

/** Wires that carry datagrams of groups: interfaces of hosts are plugged into them. Datagrams may be lost. */
export class Ether {
  /** The share of datagrams that is lost. */
  lossShare = 0;
  readonly #network: EtherNetwork;
  readonly #chance: Chance;
  /** By host and interface. */
  readonly #plugs = new Map<string, Map<string, string>>();
  readonly #members = new Set<Member>();

  constructor(network: EtherNetwork, chance: Chance) {
    this.#network = network;
    this.#chance = chance;
  }

  plug(host: string, interfaceName: string, wire: string): void {
    const plugs = this.#plugs.get(host) ?? new Map<string, string>();
    this.#plugs.set(host, plugs.set(interfaceName, wire));
  }

  unplug(host: string, interfaceName: string): void {
    this.#plugs.get(host)?.delete(interfaceName);
  }

  interfaces(host: string): readonly NetworkInterface[] {
    const names = [...(this.#plugs.get(host)?.keys() ?? [])];
    return names.map((name) => ({ name, addresses: [host], hasLinkLocal: true }));
  }

  crashed(host: Station): void {
    for (const member of this.#members) if (member.host === host) this.#members.delete(member);
  }

  member(host: Station, group: Endpoint, heard: Member['heard']): Multicast {
    const member: Member = { host, group, joined: new Set(), heard };
    this.#members.add(member);
    return {
      join: (name) => {
        if (this.#wireOf(host, name) === undefined || !this.#members.has(member)) return false;
        member.joined.add(name);
        return true;
      },
      leave: (name) => {
        member.joined.delete(name);
      },
      send: (datagram, name) => {
        if (this.#members.has(member)) this.#send(member, datagram, name);
      },
      close: () => {
        this.#members.delete(member);
        return Promise.resolve();
      },
    };
  }

  #wireOf(host: Station, interfaceName: string): string | undefined {
    return this.#plugs.get(host.name)?.get(interfaceName);
  }

  #send(from: Member, datagram: Uint8Array, interfaceName: string): void {
    const wire = this.#wireOf(from.host, interfaceName);
    if (wire === undefined) return;
    const copy = Uint8Array.from(datagram);
    for (const to of this.#members) {
      if (to.group.port !== from.group.port || to.group.host !== from.group.host) continue;
      const here = [...to.joined].find((name) => this.#wireOf(to.host, name) === wire);
      const path = this.#network.path(from.host.name, to.host.name);
      if (here === undefined || path.blocked || this.#chance.hits(this.lossShare)) continue;
      this.#network.world.plan(path.arrivalOf(copy.length) - this.#network.world.now, () =>
        to.host.run(() => {
          if (this.#members.has(to)) to.heard(copy, { host: from.host.name, interface: here });
        }),
      );
    }
  }
}

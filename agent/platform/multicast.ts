import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { networkInterfaces } from 'node:os';
import type { DatagramSource, Endpoint, Multicast, NetworkInterface } from '#kernel';
import { fromSystemError } from './net-error.ts';

const isLinkLocal = (address: string): boolean => /^fe[89ab][0-9a-f]:/i.test(address);

/** Interfaces that are up, have a carrier and are not loopback. */
export function interfaces(): readonly NetworkInterface[] {
  return Object.entries(networkInterfaces()).flatMap(([name, found = []]) => {
    const addresses = found.filter(({ internal }) => !internal).map(({ address }) => address);
    return addresses.length === 0 ? [] : [{ name, addresses, hasLinkLocal: addresses.some(isLinkLocal) }];
  });
}

/** The system takes the name of an interface that is not there for "any interface". */
const isUp = (interfaceName: string): boolean => networkInterfaces()[interfaceName] !== undefined;

/** A group of link-local scope. Several programs of one machine may hear the same port. */
export function multicast(
  group: Endpoint,
  heard: (datagram: Uint8Array, from: DatagramSource) => void,
): Promise<Multicast> {
  const socket = createSocket({ type: 'udp6', reuseAddr: true, ipv6Only: true });
  return new Promise((resolve, reject) => {
    socket.once('error', (error) => {
      socket.close();
      reject(fromSystemError(error, group));
    });
    socket.bind(group.port, '::', () => {
      socket.removeAllListeners('error');
      // One datagram that could not be sent, or an interface that went: nothing that ends the socket.
      socket.on('error', () => undefined);
      socket.on('message', (datagram, from) => tell(heard, datagram, from));
      resolve(new GroupSocket(socket, group));
    });
  });
}

/** Only what came from a neighbour on the same wire, whose address says by which interface. */
function tell(
  heard: (datagram: Uint8Array, from: DatagramSource) => void,
  datagram: Uint8Array,
  from: RemoteInfo,
): void {
  const scope = from.address.indexOf('%');
  if (scope === -1 || !isLinkLocal(from.address)) return;
  heard(datagram, { host: from.address, interface: from.address.slice(scope + 1) });
}

class GroupSocket implements Multicast {
  readonly #socket: Socket;
  readonly #group: Endpoint;
  readonly #joined = new Set<string>();
  #isOpen = true;

  constructor(socket: Socket, group: Endpoint) {
    this.#socket = socket;
    this.#group = group;
  }

  join(interfaceName: string): boolean {
    if (!this.#isOpen) return false;
    if (this.#joined.has(interfaceName)) return true;
    if (!isUp(interfaceName)) return false;
    try {
      this.#socket.addMembership(this.#group.host, `::%${interfaceName}`);
    } catch {
      return false;
    }
    this.#joined.add(interfaceName);
    return true;
  }

  leave(interfaceName: string): void {
    if (!this.#joined.delete(interfaceName) || !this.#isOpen) return;
    try {
      this.#socket.dropMembership(this.#group.host, `::%${interfaceName}`);
    } catch {
      // The interface is gone, and with it the membership.
    }
  }

  send(datagram: Uint8Array, interfaceName: string): void {
    if (!this.#isOpen || !isUp(interfaceName)) return;
    this.#socket.send(datagram, this.#group.port, `${this.#group.host}%${interfaceName}`, () => undefined);
  }

  close(): Promise<void> {
    if (!this.#isOpen) return Promise.resolve();
    this.#isOpen = false;
    return new Promise((resolve) => this.#socket.close(() => resolve()));
  }
}

import type { Net } from '#kernel';

const notHere = (): never => {
  throw new Error('nothing here uses the network');
};

/** For what is not to touch the network at all. */
export const noNet: Net = { dial: notHere, listen: notHere, secure: notHere, interfaces: notHere, multicast: notHere };

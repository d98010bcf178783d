import { show, type Unplaced } from './problem.ts';
import type { Settings } from './schema.ts';

/** The longest packet whose record still goes through stock's API in one message: 2 MB of JSON, as base64. */
const packetLimitBytes = 1_350_000;

/** With a stock daemon, what is the daemon's to decide is not set here, and its API is on this machine unless told. */
export function besideDaemon(settings: Settings, isLoopback: (host: string) => boolean): Unplaced[] {
  const { overlay, mqtt } = settings;
  const { daemon } = overlay;
  if (daemon === undefined) return [];
  const problems = daemonsOwn(overlay);
  if (!isLoopback(daemon.host) && !overlay.daemon_remote) {
    problems.push({
      path: ['overlay', 'daemon'],
      found: show(daemon.host),
      wanted: 'a loopback address (its API has neither password nor encryption)',
      remedy: 'use a tunnel, or set daemon_remote = true under [overlay]',
    });
  }
  if (mqtt.max_packet > packetLimitBytes) {
    problems.push({
      path: ['mqtt', 'max_packet'],
      found: `${mqtt.max_packet} bytes`,
      wanted: 'at most "1.2MB" with a stock daemon (its API takes no longer messages)',
      remedy: 'set a smaller one, or remove daemon under [overlay]',
    });
  }
  return problems;
}

function daemonsOwn(overlay: Settings['overlay']): Unplaced[] {
  const set = {
    peers: overlay.peers.length > 0,
    proxy: overlay.proxy !== undefined,
    discovery: overlay.discovery !== false,
    transit_limit: overlay.transit_limit !== undefined,
    network: overlay.network !== undefined,
  };
  return Object.entries(set)
    .filter(([, isSet]) => isSet)
    .map(([key]) => ({
      path: ['overlay', key],
      found: 'a setting of the embedded node',
      wanted: 'none beside daemon',
      remedy: 'remove it here, and set it for the daemon',
    }));
}

import { type Endpoint, formatPeer } from '#kernel';
import { besideDaemon } from './beside-daemon.ts';
import { closest } from './closest.ts';
import { show, type Unplaced } from './problem.ts';
import type { Settings } from './schema.ts';
import { isName } from './values.ts';

/** What no setting can check alone. */
export function checkTogether(settings: Settings): Unplaced[] {
  return [
    ...laneBudgets(settings),
    ...contactNames(settings),
    ...linkTargets(settings),
    ...linkNames(settings),
    ...accepts(settings),
    ...hooks(settings),
    ...beyondLoopback(settings),
    ...tlsWithoutKey(settings),
    ...besideDaemon(settings, isLoopback),
  ];
}

function laneBudgets({ ring }: Settings): Unplaced[] {
  return (['urgent', 'normal', 'bulk'] as const).flatMap((lane): Unplaced[] => {
    const { size, full } = ring[lane] ?? {};
    if (size !== undefined || full === undefined) return [];
    const wanted = 'size with it: full says what happens to more than that';
    return [{ path: ['ring', lane, 'full'], found: show(full), wanted, remedy: 'set the size, or remove it' }];
  });
}

function contactNames({ contacts }: Settings): Unplaced[] {
  return Object.keys(contacts)
    .filter((name) => !isName(name))
    .map((name) => ({
      path: ['contacts', name],
      found: `the name ${show(name)}`,
      wanted: 'a name of letters, digits, ".", "_" and "-" (64 at most)',
      remedy: 'rename it',
    }));
}

function linkTargets({ link, contacts }: Settings): Unplaced[] {
  return link.flatMap(({ to }, index) => knownContact(['link', index, 'to'], to, contacts));
}

/** A hook's place in the ring goes by its name. */
function hooks({ hook }: Settings): Unplaced[] {
  const names = hook.map(({ name }) => name);
  return hook.flatMap(({ name, command, socket }, index) => {
    const path = ['hook', index];
    const found = command === undefined ? 'neither command nor socket' : 'command and socket';
    if ((command === undefined) === (socket === undefined))
      return [{ path, found, wanted: 'one of them', remedy: 'say what is to be told' }];
    if (names.indexOf(name) === index) return [];
    return [{ path: [...path, 'name'], found: show(name), wanted: 'a name of its own', remedy: 'rename one' }];
  });
}

function accepts({ accept, contacts }: Settings): Unplaced[] {
  return accept.flatMap(({ from }, index) =>
    from === '*' ? [] : knownContact(['accept', index, 'from'], from, contacts),
  );
}

function knownContact(path: readonly PropertyKey[], name: string, contacts: Settings['contacts']): Unplaced[] {
  if (Object.hasOwn(contacts, name)) return [];
  const meant = closest(name, Object.keys(contacts));
  const remedy = meant === null ? `add it with: hypha contacts add ${name} KEY` : `did you mean "${meant}"?`;
  return [{ path, found: show(name), wanted: 'a name from [contacts]', remedy }];
}

/** Links are told apart by name and, within a name, by lane; two nameless links to one contact are fine. */
function linkNames({ link }: Settings): Unplaced[] {
  const seen = new Set<string>();
  return link.flatMap(({ name }, index) => {
    if (name === undefined || !seen.has(name)) {
      if (name !== undefined) seen.add(name);
      return [];
    }
    return [{ path: ['link', index, 'name'], found: show(name), wanted: 'a name of its own', remedy: 'rename one' }];
  });
}

/** There is no key to show. */
function tlsWithoutKey({ overlay }: Settings): Unplaced[] {
  if (overlay.network !== undefined) return [];
  return (['listen', 'peers'] as const).flatMap((setting) =>
    overlay[setting].flatMap((at, index) => {
      if (at.scheme !== 'tls') return [];
      const wanted = 'tcp://, or a private network beside it';
      const remedy = 'add network = { name = "…", key_file = "…" } under [overlay]';
      return [{ path: ['overlay', setting, index], found: show(formatPeer(at)), wanted, remedy }];
    }),
  );
}

function beyondLoopback({ mqtt, api }: Settings): Unplaced[] {
  return [
    ...openDoors(['mqtt', 'listen'], 'mqtt', mqtt.listen),
    ...openDoors(['api', 'listen'], 'http', api.listen),
    ...openDoors(['api', 'rpc'], 'http', api.rpc),
  ];
}

function openDoors(path: readonly PropertyKey[], scheme: string, listen: readonly Endpoint[]): Unplaced[] {
  return listen.flatMap((at, index) => {
    if (isLoopback(at.host)) return [];
    const host = at.host.includes(':') ? `[${at.host}]` : at.host;
    return [
      {
        path: [...path, index],
        found: show(`${scheme}://${host}:${at.port}`),
        wanted: 'a loopback address (credentials and TLS for more are not in this version)',
        remedy: `use ${scheme}://127.0.0.1:${at.port}`,
      },
    ];
  });
}

/** 127.0.0.0/8, ::1 and the name that means them. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}

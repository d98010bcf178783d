import { type Api, type ApiOptions, Contacts, createApi, EventHub, endpointText, type Inbox, Strangers } from '#api';
import { type Broker, type BrokerOptions, createBroker } from '#broker';
import { type Bus, type BusEvent, createBus, type Files } from '#bus';
import type { Identity } from '#crypto';
import type { Endpoint, Env, Listener, NetworkKey, Secret } from '#kernel';
import { createLinks, type Links, type LinksOptions } from '#links';
import type { Overlay } from '#overlay';
import { askSocket, listenHttp, listenStreams } from '#platform';
import { openRing, type Ring } from '#ring';
import type { Agent, ComposeOptions, Doors } from './agent.ts';
import { refuseUnfinished, restoredMark } from './backup/restore.ts';
import { backupOfRunning } from './backup/source.ts';
import { asEvent } from './bus-events.ts';
import type { Configuration } from './config/read.ts';
import { makeDesk, openInbox } from './desk.ts';
import { makeFiles } from './files.ts';
import { openIdentity, openToken } from './identity.ts';
import { acceptRules, laneOf, linkRules } from './link-rules.ts';
import { openNetworkKey } from './network-key.ts';
import { makeOverlay } from './overlay.ts';
import { asPeerEvent, asRouteEvent } from './overlay-events.ts';
import { OwnTopics } from './own-topics.ts';
import { makePrograms, type Programs } from './programs.ts';
import { ringOptions } from './ring.ts';
import { Undo } from './undo.ts';

/**
 * Builds an agent from the bottom up and starts it: when it resolves, every part serves. Rejects with the first thing
 * that is in the way (a taken port, a loose key, another agent on the directory), and leaves nothing running then.
 */
export async function compose(configuration: Configuration, env: Env, options: ComposeOptions): Promise<Agent> {
  const undo = new Undo(env);
  try {
    const ground = await layGround(configuration, env, options, undo);
    const parts = build(configuration, env, options, ground);
    const doors = await start(configuration, env, parts, undo);
    if (ground.restored) await forgetMark(env, options.data, parts.ring);
    return { doors, stop: () => undo.run() };
  } catch (error) {
    await undo.run();
    throw error;
  }
}

/** Once the ring has it durable that this life began with a backup, later ones need not be told. */
async function forgetMark(env: Env, data: string, ring: Ring): Promise<void> {
  await ring.whenDurable(ring.status.head);
  await env.disk.remove(restoredMark(data));
}

/** What lies on disk and must be there before anything moves. */
interface Ground {
  readonly identity: Identity;
  readonly token: Secret;
  readonly network: NetworkKey | null;
  readonly ring: Ring;
  readonly inbox: Inbox;
  /** This boot's ring comes from a backup. */
  readonly restored: boolean;
}

async function layGround(
  { ring, api, overlay }: Configuration,
  env: Env,
  { data, observe }: ComposeOptions,
  undo: Undo,
): Promise<Ground> {
  await env.disk.makeDirectory(data);
  const lock = await env.disk.lock(`${data}/lock`);
  undo.add('lock', () => lock.release());
  await refuseUnfinished(env.disk, data);
  const restored = (await env.disk.list(data)).includes('restored');
  const identity = await openIdentity(data, env.random);
  const token = await openToken(data, env.random);
  const network = await openNetworkKey(overlay);
  const opened = await openRing(env, await ringOptions(ring, data, env.random));
  undo.add('ring', () => opened.close());
  // Before all others that listen: nobody has been told of a commit when the observer is.
  if (observe !== undefined) opened.onDurable((sequence) => observe({ kind: 'durable', sequence }));
  return { identity, token, network, ring: opened, inbox: await openInbox(env, data, api), restored };
}

interface Parts extends Ground {
  readonly overlay: Overlay;
  readonly bus: Bus;
  readonly files: Files;
  readonly programs: Programs;
  readonly broker: Broker;
  readonly links: Links;
  readonly events: EventHub;
  readonly own: OwnTopics;
  readonly mqtt: Listener[];
  readonly api: Api;
}

/** All parts, tied together; nothing listens or sends yet. */
function build(configuration: Configuration, env: Env, options: ComposeOptions, ground: Ground): Parts {
  const { identity, ring, token, network, inbox } = ground;
  const contacts = new Contacts(configuration.contacts);
  const events = new EventHub(env.clock);
  const mqtt: Listener[] = [];
  const strangers = new Strangers(env.clock);
  const programs = makePrograms(configuration, env, { ring, contacts, broker: () => broker });
  const desk = makeDesk(env, { ring, inbox, contacts, strangers, programs, askSocket, overlay: () => overlay });
  const overlay: Overlay = makeOverlay(configuration, env, {
    identity,
    network,
    contacts,
    desk,
    ring,
    bus: () => bus,
    files: () => files,
  });
  overlay.onRoute((to, reachable) => events.publish(asRouteEvent(to, reachable, contacts)));
  overlay.sight?.onPeer((change) => events.publish(asPeerEvent(change)));
  const links = createLinks(
    { env, ring },
    {
      ...linkOptions(configuration),
      deliver: (messages) => broker.deliver(messages),
      publish: (topic, state) => own.publish(topic, state),
    },
  );
  const bus = createBus(
    { env, overlay, ring },
    {
      ...links.port,
      restored: ground.restored,
      knows: (from) => links.port.knows(from) || strangers.note(from),
      event: (event) =>
        tell(event, [links.port.event, options.observe, (step) => events.publish(asEvent(step, contacts))]),
    },
  );
  const parts = { data: options.data, overlay, ring, contacts, links, broker: () => broker, events };
  const files: Files = makeFiles(configuration, env, parts);
  const broker: Broker = createBroker(env, ring, brokerOptions(configuration, links));
  const node = { ...identity, name: configuration.name, version: options.version };
  const own = new OwnTopics(broker, node);
  const api = createApi({
    listen: configuration.api.listen,
    rpc: configuration.api.rpc,
    listenHttp,
    stock: configuration.api.stock,
    token,
    node,
    startedAt: env.clock.now(),
    clock: env.clock,
    log: env.log,
    overlay,
    ring,
    bus,
    files,
    broker,
    contacts,
    desk,
    events,
    strangers,
    backup: () => backupOfRunning(env.disk, options.data, ring),
    consumers: programs.consumers,
    hooks: () => programs.hooks.views(),
    links: () => links.views(),
    listening: () => ({ mqtt: mqtt.map(({ at }) => at), overlay: overlay.listening }),
  } satisfies ApiOptions);
  return { ...ground, overlay, bus, files, programs, broker, links, events, own, mqtt, api };
}

const linkOptions = (configuration: Configuration): Pick<LinksOptions, 'links' | 'accepts' | 'contacts'> => ({
  links: linkRules(configuration),
  accepts: acceptRules(configuration),
  contacts: new Map(Object.entries(configuration.contacts)),
});

const brokerOptions = (configuration: Configuration, links: Links): BrokerOptions => ({
  clientId: configuration.name,
  maxPacketBytes: configuration.mqtt.max_packet,
  maxConnections: configuration.mqtt.max_connections,
  inflight: configuration.mqtt.inflight,
  passQos0: (topic) => links.passesQos0(topic),
  lane: laneOf(linkRules(configuration)),
});

/** From the ring upwards; the doors last, when behind them everything stands. */
async function start(configuration: Configuration, env: Env, parts: Parts, undo: Undo): Promise<Doors> {
  const { overlay, bus, files, programs, broker, links, own, mqtt, api } = parts;
  programs.consumers.open();
  undo.add('consumers', () => programs.consumers.close());
  await broker.start();
  undo.add('broker', () => broker.stop());
  links.start(bus);
  undo.add('links', () => links.stop());
  bus.start();
  undo.add('bus', () => bus.stop());
  files.start();
  undo.add('files', () => files.stop());
  programs.hooks.start();
  undo.add('hooks', () => programs.hooks.stop());
  await overlay.start();
  undo.add('overlay', () => overlay.stop());
  undo.add('state', () => own.stopping());
  own.started();
  for (const at of configuration.mqtt.listen) {
    const listener = await listenStreams(at, (stream, from) => broker.serve(stream, from));
    undo.add('mqtt', () => listener.close());
    mqtt.push(listener);
  }
  undo.add('api', () => api.stop());
  await api.start();
  env.log.info('serving', { links: links.views().length, contacts: Object.keys(configuration.contacts).length });
  return {
    mqtt: mqtt.map(({ at }) => endpointText(at)),
    overlay: texts(overlay.listening),
    api: texts(api.listening),
    rpc: texts(api.rpcListening),
  };
}

const texts = (endpoints: readonly Endpoint[]): string[] => endpoints.map(endpointText);

function tell(event: BusEvent, listeners: readonly (((event: BusEvent) => void) | undefined)[]): void {
  for (const listener of listeners) listener?.(event);
}

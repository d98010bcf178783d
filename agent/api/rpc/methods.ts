import { AgentError, isAgentError, messageOf } from '#kernel';
import type { Left } from '../gone.ts';
import * as deeds from '../stock/deeds.ts';
import { parseId, parseLetter, parseSource, parseTopicText, ShapeError } from '../stock/shapes.ts';
import type { ApiOptions } from '../types.ts';
import { type Call, invalidParams, methodNotFound, RpcFault, serverError } from './envelope.ts';
import { Params } from './params.ts';

/** One method: its parameters in order and what it does. */
interface Method {
  readonly params: readonly string[];
  readonly run: (options: ApiOptions, params: Params, left: Left) => unknown;
}

/** Stock's own codes (recorded in test/vectors/stock-api.json). */
const code = {
  badIp: -32_007,
  noKey: -32_008,
  badPeer: -32_009,
  peerExists: -32_010,
  noPeer: -32_011,
  badPeerToDelete: -32_012,
  badPopTopic: -32_013,
  notPushed: -32_015,
  badReplyId: -32_018,
  noMessage: -32_019,
  badMessageId: -32_020,
  badTopic: -32_021,
  badSubnet: -32_023,
  noTopic: -32_030,
} as const;

const own: Readonly<Record<string, number>> = {
  'api/closed': -32_090,
  'api/busy': -32_091,
  'api/disk': -32_092,
  'api/outbox-full': -32_093,
  'api/reserved': code.badTopic,
  'api/too-many': code.badTopic,
};

const none: readonly string[] = [];

const nodeMethods: Readonly<Record<string, Method>> = {
  getInfo: { params: none, run: (options) => deeds.nodeInfo(options) },
  getPublicKeyFromIp: {
    params: ['ip'],
    run: (options, params) => {
      const key = deeds.keyOfIp(options, params.text('ip'));
      // The words, too, are stock's: its library has them for this number.
      if (key === null) throw new RpcFault(code.badIp, 'Request is too big', 'ip: wanted an IP address');
      return key ?? refuse(code.noKey, 'ip: no route has shown its key');
    },
  },
  getPeers: { params: none, run: (options) => deeds.peers(options) },
  addPeer: {
    params: ['endpoint'],
    run: (options, params) => {
      const endpoint = params.text('endpoint');
      deeds.refuseUnlessFull(options, 'peers');
      const isNew = coded(code.badPeer, () => deeds.addPeer(options, endpoint));
      return isNew || refuse(code.peerExists, 'endpoint: a peer by that name exists already');
    },
  },
  deletePeer: {
    params: ['endpoint'],
    run: (options, params) => {
      const endpoint = params.text('endpoint');
      deeds.refuseUnlessFull(options, 'peers');
      const isGone = coded(code.badPeerToDelete, () => deeds.removePeer(options, endpoint));
      return isGone || refuse(code.noPeer, 'endpoint: no peer by that name');
    },
  },
  getSelectedRoutes: { params: none, run: (options) => deeds.routes(options, 'selected') },
  getFallbackRoutes: { params: none, run: (options) => deeds.routes(options, 'fallback') },
  getQueriedSubnets: { params: none, run: (options) => deeds.queriedSubnets(options) },
};

const messageMethods: Readonly<Record<string, Method>> = {
  popMessage: {
    params: ['peek', 'timeout', 'topic'],
    run: (options, params, left) => {
      const peek = params.flagOrNull('peek') ?? false;
      const timeoutSeconds = params.wholeOrNull('timeout') ?? 0;
      const found = params.textOrNull('topic');
      const topic = found === null ? null : coded(code.badPopTopic, () => parseTopicText(found));
      return deeds.popMessage(options, { peek, timeoutSeconds, topic }, left);
    },
  },
  pushMessage: {
    params: ['message', 'replyTimeout'],
    run: async (options, params, left) => {
      const letter = letterOf(options, params);
      const replySeconds = params.wholeOrNull('replyTimeout');
      if (letter.topic.length > 255) refuse(code.notPushed, 'topic: wanted 255 bytes at most');
      return (await deeds.pushMessage(options, letter, replySeconds, left)).body;
    },
  },
  pushMessageReply: {
    params: ['id', 'message'],
    run: (options, params) => {
      const id = params.text('id');
      const letter = letterOf(options, params);
      deeds.pushReply(
        options,
        coded(code.badReplyId, () => parseId(id)),
        letter,
      );
      return true;
    },
  },
  getMessageInfo: {
    params: ['id'],
    run: (options, params) => {
      const text = params.text('id');
      const id = coded(code.badMessageId, () => parseId(text));
      return deeds.messageInfo(options, id) ?? refuse(code.noMessage, 'id: nobody knows this message');
    },
  },
};

const topicMethods: Readonly<Record<string, Method>> = {
  getDefaultTopicAction: { params: none, run: ({ desk }) => desk.topics.acceptsOthers },
  setDefaultTopicAction: {
    params: ['accept'],
    run: ({ desk }, params) => done(desk.topics.setDefault(params.flag('accept'))),
  },
  getTopics: {
    params: none,
    run: ({ desk }) => desk.topics.all().map((topic) => Buffer.from(topic).toString('base64')),
  },
  addTopic: { params: ['topic'], run: (options, params) => done(options.desk.topics.add(topicOf(options, params))) },
  removeTopic: {
    params: ['topic'],
    run: (options, params) => done(options.desk.topics.remove(topicOf(options, params))),
  },
  getTopicSources: {
    params: ['topic'],
    run: (options, params) =>
      options.desk.topics.sources(topicOf(options, params)) ?? refuse(code.noTopic, 'topic: it is not configured'),
  },
  addTopicSource: {
    params: ['topic', 'subnet'],
    run: (options, params) => {
      const subnet = params.text('subnet');
      const topic = topicOf(options, params);
      return done(
        options.desk.topics.addSource(
          topic,
          coded(code.badSubnet, () => parseSource(subnet)),
        ),
      );
    },
  },
  removeTopicSource: {
    params: ['topic', 'subnet'],
    run: (options, params) => {
      const subnet = params.text('subnet');
      const topic = topicOf(options, params);
      return done(
        options.desk.topics.removeSource(
          topic,
          coded(code.badSubnet, () => parseSource(subnet)),
        ),
      );
    },
  },
  getTopicForwardSocket: {
    params: ['topic'],
    run: (options, params) => options.desk.topics.forward(topicOf(options, params)),
  },
  setTopicForwardSocket: {
    params: ['topic', 'socketPath'],
    run: (options, params) => {
      const path = params.text('socketPath');
      deeds.refuseUnlessFull(options, 'forward');
      return done(options.desk.topics.setForward(topicOf(options, params), path));
    },
  },
  removeTopicForwardSocket: {
    params: ['topic'],
    run: (options, params) => {
      deeds.refuseUnlessFull(options, 'forward');
      return done(options.desk.topics.setForward(topicOf(options, params), null));
    },
  },
};

const methods = new Map(Object.entries({ ...nodeMethods, ...messageMethods, ...topicMethods }));

/** The stock daemon's methods (WIRE.md §6). Rejects with `RpcFault` for whatever a caller can do wrong. */
export const rpcCalls =
  (options: ApiOptions, left: Left): Call =>
  async (name, params) => {
    const method = methods.get(name);
    if (method === undefined) throw methodNotFound();
    try {
      return await method.run(options, new Params(params, method.params), left);
    } catch (error) {
      throw asFault(error);
    }
  };

function asFault(error: unknown): unknown {
  if (error instanceof ShapeError) return invalidParams(error.message);
  if (!isAgentError(error)) return error;
  const known = own[error.code];
  return known === undefined ? error : serverError(known, error.message);
}

function letterOf({ contacts }: ApiOptions, params: Params) {
  const message = params.value('message');
  if (message === null) throw invalidParams('message: missing');
  return parseLetter(message, contacts);
}

function topicOf({ desk }: ApiOptions, params: Params): Uint8Array {
  const text = params.text('topic');
  const topic = coded(code.badTopic, () => parseTopicText(text));
  desk.refuseReserved(topic);
  return topic;
}

/** Refused input of `read` under a code of stock's. */
function coded<T>(number: number, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof AgentError || !(error instanceof ShapeError)) throw error;
    throw serverError(number, messageOf(error));
  }
}

function refuse(number: number, detail: string): never {
  throw serverError(number, detail);
}

async function done(work: Promise<void>): Promise<true> {
  await work;
  return true;
}

import type { Env, PublicKey } from '#kernel';
import { after, milliseconds } from '#kernel';
import type { OutgoingMessage, Overlay, ReceivedMessage } from '#overlay';
import { openRelayFrame, relayFrame } from '../../agent/bus/relay/frame.ts';
import type { Mail } from '../../agent/bus/relay/mail.ts';
import { Chance } from '../sim/chance.ts';

/** What a relay may do to those who trust it. */
export interface Lies {
  sending(env: Env, overlay: Overlay): Overlay;
  receiving(env: Env, overlay: Overlay, mail: Mail): Pick<Mail, 'admits' | 'receive'>;
  told(): number;
  /** It is honest from now on. */
  end(): void;
}

/** Drops letters, delays them so that they overtake each other, sends them again, late too; confirms deposits and forgets them. */
export function liar(seed: number): Lies {
  const chance = new Chance(seed);
  const old: OutgoingMessage[] = [];
  let told = 0;
  let isHonest = false;
  const lie = (probability: number): boolean => {
    const lies = !isHonest && chance.hits(probability);
    if (lies) told++;
    return lies;
  };
  const letter = (env: Env, overlay: Overlay, message: OutgoingMessage): void => {
    old.push(message);
    if (old.length > 32) old.shift();
    const again = old[chance.between(0, old.length - 1)];
    const copies = lie(0.2) ? [] : [message];
    if (lie(0.3)) copies.push(message);
    if (again !== undefined && lie(0.3)) copies.push(again);
    for (const copy of copies) {
      const wait = lie(0.5) ? chance.between(0, 3_000) : 0;
      env.clock.at(after(env.clock.now(), milliseconds(wait)), () => overlay.send(copy));
    }
  };
  return {
    sending: (env, overlay) =>
      bent(overlay, (message) => {
        if (openRelayFrame(message.payload)?.kind !== 'letter') return overlay.send(message);
        letter(env, overlay, message);
        return null;
      }),
    receiving: (_env, overlay, mail) => ({
      admits: (announced) => mail.admits(announced),
      receive: (message: ReceivedMessage) => {
        const frame = openRelayFrame(message.payload);
        if (frame?.kind !== 'deposit' || !lie(0.2)) return mail.receive(message);
        confirm(overlay, mail, frame.from, frame.says.ref);
        return true;
      },
    }),
    told: () => told,
    end: () => {
      isHonest = true;
    },
  };
}

/** Confirms the first deposit and throws it away; honest for the rest. */
export function forgetsFirst(): Lies {
  let told = 0;
  return {
    sending: (_env, overlay) => overlay,
    receiving: (_env, overlay, mail) => ({
      admits: (announced) => mail.admits(announced),
      receive: (message: ReceivedMessage) => {
        const frame = openRelayFrame(message.payload);
        if (frame?.kind !== 'deposit' || told > 0) return mail.receive(message);
        told++;
        confirm(overlay, mail, frame.from, frame.says.ref);
        return true;
      },
    }),
    told: () => told,
    end: () => {},
  };
}

function confirm(overlay: Overlay, mail: Mail, to: PublicKey, ref: string): void {
  const says = { ref, verdict: 0, waitSeconds: 0 };
  const payload = relayFrame(overlay.publicKey, to, { kind: 'custody', says });
  overlay.send({ to, topic: mail.topic, payload, replyTo: null, deadlineMs: 60_000 });
}

function bent(overlay: Overlay, send: Overlay['send']): Overlay {
  return new Proxy(overlay, {
    get(target, name) {
      if (name === 'send') return send;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

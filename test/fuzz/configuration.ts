import { readSettings } from '#app';
import type { Target } from '../../scripts/fuzz/target.ts';

const files = [
  '[node]\nname = "gateway-7"\n[overlay]\nlisten = ["tcp://[::]:9651"]\npeers = []\ntransit = true\n',
  '[ring]\nsize = "512MB"\nfull = "drop-oldest"\ncommit = "5ms"\n[mqtt]\nlisten = ["mqtt://127.0.0.1:1883"]\n',
  `[contacts]\nhub = "${'57'.repeat(32)}"\n[[link]]\nto = "hub"\ntopics = ["plant/#"]\nprefix = "gw/"\nlane = "bulk"\n`,
  '[[accept]]\nfrom = "*"\ntopics = ["{contact}/#"]\n[api]\nlisten = ["http://127.0.0.1:8989"]\nrpc = []\n',
];

export const configuration: readonly Target[] = [
  {
    name: 'configuration',
    seeds: () => files.map((text) => Buffer.from(text)),
    maxBytes: 1024,
    run: (bytes) => {
      const text = Buffer.from(bytes).toString();
      readSettings({ files: [{ name: 'fuzz', text }], variables: {}, hostname: 'fuzz' });
    },
  },
];

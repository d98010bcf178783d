import type { Target } from '../../scripts/fuzz/target.ts';
import { api } from './api.ts';
import { broker } from './broker.ts';
import { bus } from './bus.ts';
import { codec } from './codec.ts';
import { configuration } from './configuration.ts';
import { overlay } from './overlay.ts';
import { overlayDaemon } from './overlay-daemon.ts';
import { overlayLinks } from './overlay-links.ts';
import { overlayMachines } from './overlay-machines.ts';
import { overlayPath } from './overlay-path.ts';
import { ring } from './ring.ts';
import { router } from './router.ts';
import { seal } from './seal.ts';

/** Every decoder that takes bytes from outside, with what it promises beyond not falling over. */
export const targets: readonly Target[] = [
  ...api,
  ...overlay,
  ...overlayDaemon,
  ...overlayLinks,
  ...overlayMachines,
  ...overlayPath,
  ...router,
  ...codec,
  ...ring,
  ...bus,
  ...broker,
  ...configuration,
  ...seal,
];

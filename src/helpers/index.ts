/** Helpers: one file per family, one table by number. */
import { HELPER_NAMES } from '../uapi/index.ts';
import type { HelperFn, HelperRegistry } from '../vm/index.ts';
import type { Family, HelperEnv } from './env.ts';
import { checksumFamily } from './checksum.ts';
import { dynptrFamily } from './dynptr.ts';
import { loopFamily } from './loop.ts';
import { machineFamily } from './machine.ts';
import { mapFamily } from './map.ts';
import { perfFamily } from './perf.ts';
import { probeFamily } from './probe.ts';
import { redirectFamily } from './redirect.ts';
import { queueFamily } from './queue.ts';
import { skbFamily } from './skb.ts';
import { ringbufFamily } from './ringbuf.ts';
import { skbEditFamily } from './skb-edit.ts';
import { skbRoomFamily } from './skb-room.ts';
import { socketFamily } from './socket.ts';
import { stackFamily } from './stack.ts';
import { storageFamily } from './storage.ts';
import { stringFamily } from './strings.ts';
import { syncFamily } from './sync.ts';
import { taskFamily } from './task.ts';
import { timeFamily } from './time.ts';
import { timerFamily } from './timer.ts';
import { traceFamily } from './trace.ts';
import { xdpFamily } from './xdp.ts';

export type { Clock, HelperEnv, Task, Timers } from './env.ts';
export { helperCore } from './helper-core.ts';
export { MAX_PACKET, PacketBuffer } from './packet-buffer.ts';
export { formatTrace } from './printf.ts';

const FAMILIES: readonly Family[] = [
  loopFamily,
  mapFamily,
  queueFamily,
  timeFamily,
  timerFamily,
  machineFamily,
  traceFamily,
  skbFamily,
  skbEditFamily,
  skbRoomFamily,
  checksumFamily,
  xdpFamily,
  redirectFamily,
  taskFamily,
  perfFamily,
  probeFamily,
  stringFamily,
  syncFamily,
  socketFamily,
  stackFamily,
  storageFamily,
  dynptrFamily,
  ringbufFamily,
];

const byId: readonly (HelperFn<HelperEnv> | undefined)[] = HELPER_NAMES.map(
  (name) => FAMILIES.find((family) => Object.hasOwn(family, name))?.[name],
);

/** The implementation of a helper, or undefined where there is none. */
export const helperRegistry: HelperRegistry<HelperEnv> = (id) => byId[id];

/** Names of all implementations, without `bpf_`. */
export const implementedHelpers: readonly string[] = FAMILIES.flatMap((family) => Object.keys(family));

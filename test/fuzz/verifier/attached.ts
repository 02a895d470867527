/** Where programs that are attached by BTF id can stand, and what each place gives them. */
import { ATTACH_TYPE, PROG_TYPE } from '../../../src/uapi/index.ts';
import type { Surroundings } from './generator.ts';

/** Arguments are words of 8 bytes. */
interface Place {
  readonly progType: number;
  readonly attachType: number;
  readonly target: string;
  readonly numbers?: readonly number[];
  /** Kernel objects. */
  readonly objects?: readonly number[];
  /** Kernel objects, or NULL. */
  readonly maybe?: readonly number[];
}

const { TRACING, STRUCT_OPS } = PROG_TYPE;
const { TRACE_RAW_TP, TRACE_ITER } = ATTACH_TYPE;

const PLACES: readonly Place[] = [
  { progType: TRACING, attachType: TRACE_RAW_TP, target: 'btf_trace_sched_switch', numbers: [0, 3], objects: [1, 2] },
  {
    progType: TRACING,
    attachType: TRACE_RAW_TP,
    target: 'btf_trace_kfree_skb',
    numbers: [1, 2],
    objects: [0],
    maybe: [3],
  },
  { progType: TRACING, attachType: TRACE_RAW_TP, target: 'btf_trace_sys_enter', numbers: [1], objects: [0] },
  { progType: TRACING, attachType: TRACE_ITER, target: 'bpf_iter_tcp', numbers: [2], objects: [0], maybe: [1] },
  {
    progType: TRACING,
    attachType: TRACE_ITER,
    target: 'bpf_iter_task_file',
    numbers: [2],
    objects: [0],
    maybe: [1, 3],
  },
  // Its members by their numbers: cong_avoid, pkts_acked, cong_control.
  { progType: STRUCT_OPS, attachType: 1, target: 'tcp_congestion_ops', numbers: [1, 2], objects: [0] },
  { progType: STRUCT_OPS, attachType: 5, target: 'tcp_congestion_ops', objects: [0, 1] },
  { progType: STRUCT_OPS, attachType: 7, target: 'tcp_congestion_ops', numbers: [1, 2], objects: [0, 3] },
];

export const ATTACHED: readonly Surroundings[] = PLACES.map((place) => ({
  progType: place.progType,
  attachType: place.attachType,
  target: place.target,
  numbers: (place.numbers ?? []).flatMap((arg) =>
    [1, 2, 4, 8].map((size) => ({ off: 8 * arg, size, pointer: undefined })),
  ),
  pointers: [
    ...(place.objects ?? []).map((arg) => ({ off: 8 * arg, size: 8, pointer: 'object' })),
    ...(place.maybe ?? []).map((arg) => ({ off: 8 * arg, size: 8, pointer: 'object_or_null' })),
  ],
  writable: [],
}));

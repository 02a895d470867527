/**
 * XDP: the context is an `xdp_md`, the packet is the whole frame. Measured on Linux 6.18, where the device is `lo`
 * (index 1, one receive queue). Only the first 3,520 bytes, or as many as `ctxIn` says, are memory that the program sees;
 * the rest goes through untouched. `ctxIn.data` bytes at the front of the data are metadata.
 *
 * Refuses: flags, `batchSize`, frames shorter than 14 bytes without the metadata (-EINVAL); more than 17 further pages
 * (-ENOMEM); a context whose offsets do not fit or that names a queue or an egress device (-EINVAL), another
 * device (-ENODEV). Live frames are not implemented (-ENOTSUPP).
 */
import { XDP_MD, offsetsOf } from '../contracts/index.ts';
import { ERRNO } from '../errors/index.ts';
import type { ProgTestRunAttr } from '../sys/index.ts';
import type { Cpu, ProgramImage } from './api.ts';
import { contextIn, results, runRepeated } from './run.ts';

const ETH_HLEN = 14;
/** A page less headroom (256) and tail (320): what lies in one piece. */
const MAX_LINEAR = 4096 - 256 - 320;
/** Bytes in further pieces: 17 pages. @kernel MAX_SKB_FRAGS */
const MAX_FRAGS = 17 * 4096;
/** Headroom less the 40 bytes that Linux keeps there. */
const MAX_META = 256 - 40;
const LOOPBACK_IFINDEX = 1;
/** @kernel BPF_F_TEST_XDP_LIVE_FRAMES */
const LIVE_FRAMES = 2;

const AT = offsetsOf(XDP_MD, ['data', 'data_end', 'data_meta', 'ingress_ifindex', 'rx_queue_index', 'egress_ifindex']);

/** How a frame is laid out. */
interface Layout {
  /** Bytes of metadata at the front. */
  readonly meta: number;
  /** Bytes behind it that the program sees. */
  readonly linear: number;
}

/** Run a program on a frame. @returns 0 or -errno. */
export function testRunXdp(cpu: Cpu, image: ProgramImage, attr: ProgTestRunAttr): number {
  const { dataIn } = attr;
  const flags = attr.flags ?? 0;
  if ((flags & ~LIVE_FRAMES) !== 0 || attr.view !== undefined) return -ERRNO.EINVAL;
  if (flags & LIVE_FRAMES) return -ERRNO.ENOTSUPP;
  if (attr.batchSize) return -ERRNO.EINVAL;
  const given = contextIn(attr, XDP_MD.size);
  if (typeof given === 'number') return given;
  const size = dataIn?.length ?? 0;
  const layout = layoutOf(given, size);
  if (typeof layout === 'number') return layout;
  if (dataIn === undefined) return -ERRNO.EINVAL;
  const seen = layout.meta + layout.linear;
  if (size - seen > MAX_FRAGS) return -ERRNO.ENOMEM;

  const { packet, env } = cpu;
  packet.place(dataIn.subarray(0, seen), layout.meta, dataIn.subarray(seen));
  fillXdpContext(cpu);
  env.packet = packet;
  try {
    runRepeated(cpu, image, attr);
  } finally {
    env.packet = undefined;
  }
  if (given !== undefined) {
    const view = new DataView(given.buffer);
    view.setUint32(AT.data, packet.data - packet.start, true);
    view.setUint32(AT.data_end, packet.size, true);
  }
  return results(cpu, attr, given);
}

function layoutOf(given: Uint8Array | undefined, size: number): Layout | number {
  if (given === undefined) return size < ETH_HLEN ? -ERRNO.EINVAL : { meta: 0, linear: Math.min(size, MAX_LINEAR) };
  const view = new DataView(given.buffer);
  const field = (name: keyof typeof AT): number => view.getUint32(AT[name], true);
  const [meta, end] = [field('data'), field('data_end')];
  if (field('data_meta') !== 0 || field('egress_ifindex') !== 0) return -ERRNO.EINVAL;
  if (meta > end || end > size || meta % 4 !== 0 || meta > MAX_META) return -ERRNO.EINVAL;
  if (size - meta < ETH_HLEN) return -ERRNO.EINVAL;
  const ifindex = field('ingress_ifindex');
  if (ifindex !== 0 && ifindex !== LOOPBACK_IFINDEX) return -ERRNO.ENODEV;
  if (field('rx_queue_index') !== 0) return -ERRNO.EINVAL;
  return { meta, linear: Math.min(end - meta, MAX_LINEAR) };
}

/** The context of the frame in the CPU's buffer, which follows it. */
export function fillXdpContext(cpu: Cpu): void {
  cpu.packet.changed = () => writePacket(cpu);
  const { ctx } = cpu;
  const { bytes, view } = cpu.host.space;
  ctx.size = XDP_MD.size;
  ctx.writable = false;
  bytes.fill(0, ctx.base, ctx.base + XDP_MD.size);
  view.setUint32(ctx.base + AT.ingress_ifindex, LOOPBACK_IFINDEX, true);
  writePacket(cpu);
}

/** The context of a frame that lies at `data`, at address `at`. */
export function writeXdpContext(view: DataView, at: number, data: number, length: number): void {
  view.setUint32(at + AT.ingress_ifindex, LOOPBACK_IFINDEX, true);
  view.setUint32(at + AT.data, data, true);
  view.setUint32(at + AT.data_end, data + length, true);
  view.setUint32(at + AT.data_meta, data, true);
}

/** Where the frame lies now. */
function writePacket({ ctx, packet, host }: Cpu): void {
  const { view } = host.space;
  view.setUint32(ctx.base + AT.data, packet.data, true);
  view.setUint32(ctx.base + AT.data_end, packet.end, true);
  view.setUint32(ctx.base + AT.data_meta, packet.start, true);
}

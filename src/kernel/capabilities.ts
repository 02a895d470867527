/**
 * Who may do what. Without CAP_BPF nothing can be made, as where `kernel.unprivileged_bpf_disabled` is set; CAP_SYS_ADMIN
 * stands for every other one. Elements of a map behind a descriptor need no capability. Measured on Linux 6.18
 * by dropping capabilities one by one.
 */
import { CAP, MAP_TYPE } from '../uapi/index.ts';

/** Map types that redirect packets or sockets: they need CAP_NET_ADMIN besides CAP_BPF. */
const NET_ADMIN_MAPS = new Set<number>([
  MAP_TYPE.DEVMAP,
  MAP_TYPE.SOCKMAP,
  MAP_TYPE.XSKMAP,
  MAP_TYPE.SOCKHASH,
  MAP_TYPE.DEVMAP_HASH,
]);

/** Whether `cap` (a bit number of `CAP`), or CAP_SYS_ADMIN, is among `held`. */
export function capable(held: bigint, cap: number): boolean {
  return (held & ((1n << BigInt(cap)) | (1n << BigInt(CAP.SYS_ADMIN)))) !== 0n;
}

export function mayCreateMap(held: bigint, mapType: number): boolean {
  return capable(held, CAP.BPF) && (!NET_ADMIN_MAPS.has(mapType) || capable(held, CAP.NET_ADMIN));
}

/** Redirection: in user space it is a verdict, and goes nowhere. @kernel bpf_redirect, bpf_redirect_map */
import { Trap } from '../errors/index.ts';
import { MAP_TYPE, PROG_TYPE } from '../uapi/index.ts';
import type { Family } from './env.ts';
import { int32, returnUint, uint32, uint64 } from './registers.ts';

const XDP = { ABORTED: 0, REDIRECT: 4 } as const;
const TC = { SHOT: 2, REDIRECT: 7 } as const;
/** @kernel BPF_F_INGRESS */
const INGRESS = 1;
/** The verdict where there is no target: the low bits of the flags. */
const FALLBACK = 3;
const BROADCAST = 8;
/** @kernel BPF_F_BROADCAST, BPF_F_EXCLUDE_INGRESS */
const TO_ALL = BROADCAST | 16;

/** Bytes of the next hop that `redirect_neigh` may be given. @kernel bpf_redir_neigh */
const NEXT_HOP = 20;

/** `redirect_peer` and `redirect_neigh`: of TC programs only, no flags. */
function toDevice(r: Int32Array, flags: number): void {
  returnUint(r, flags === 0 ? TC.REDIRECT : TC.SHOT);
}

export const redirectFamily: Family = {
  redirect(env, r) {
    const flags = uint64(r, 2);
    if (env.progType === PROG_TYPE.XDP) returnUint(r, flags === 0 ? XDP.REDIRECT : XDP.ABORTED);
    else returnUint(r, flags <= INGRESS ? TC.REDIRECT : TC.SHOT);
  },
  redirect_peer: (_env, r) => toDevice(r, uint64(r, 2)),
  /** `(device, next hop, its bytes, flags)`: without a next hop its size is 0. */
  redirect_neigh(_env, r) {
    const size = int32(r, 3);
    if (size !== 0 && size < NEXT_HOP) returnUint(r, TC.SHOT);
    else toDevice(r, uint64(r, 4));
  },
  redirect_map(env, r, slot) {
    const map = r[3] === 0 ? env.mapAt(r[2] >>> 0) : undefined;
    if (map?.targetWord === undefined) throw new Trap(`r1 is not a map of redirection targets`, slot);
    const [index, flags] = [uint32(r, 2), uint64(r, 3)];
    const { type } = map.info;
    const known = FALLBACK | (type === MAP_TYPE.DEVMAP || type === MAP_TYPE.DEVMAP_HASH ? TO_ALL : 0);
    if (flags > (FALLBACK | TO_ALL) || flags & ~known) return returnUint(r, XDP.ABORTED);
    const isEmpty = map.targetWord(index) === 0 && (flags & BROADCAST) === 0;
    returnUint(r, isEmpty ? flags & FALLBACK : XDP.REDIRECT);
  },
};

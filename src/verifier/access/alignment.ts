/**
 * Alignment. x86-64 reads unaligned memory well, so only the stack is always strict; BPF_F_STRICT_ALIGNMENT, and atomics,
 * make the rest strict too. Rejects (EACCES): `misaligned … access off …`.
 */
import { ERRNO } from '../../errors/index.ts';
import type { Env } from '../env.ts';
import { tnumText } from '../log/state-text.ts';
import { baseType, REG, type Reg } from '../state/reg.ts';

const NAMES: Record<number, string> = {
  [REG.FLOW_KEYS]: 'flow keys ',
  [REG.MAP_KEY]: 'key ',
  [REG.MAP_VALUE]: 'value ',
  [REG.CTX]: 'context ',
  [REG.STACK]: 'stack ',
  [REG.SOCKET]: 'sock ',
  [REG.SOCK_COMMON]: 'sock_common ',
  [REG.TCP_SOCK]: 'tcp_sock ',
  [REG.XDP_SOCK]: 'xdp_sock ',
};

/** The packet starts two bytes off where strictness is asked for. @kernel NET_IP_ALIGN */
const IP_ALIGN = 2;

export function checkAlignment(env: Env, reg: Reg, off: number, size: number, strictOnce: boolean): number {
  const base = baseType(reg.type);
  const strict = env.strictAlignment || strictOnce || base === REG.STACK;
  if (!strict || size === 1) return 0;
  const { store } = env;
  if (base === REG.PACKET || base === REG.PACKET_META) {
    if (store.tnumIsAligned(reg.s, IP_ALIGN + reg.off + off, size)) return 0;
    const where = `${IP_ALIGN}+${tnumText(store, reg.s)}+${reg.off}+${off}`;
    return env.fail(ERRNO.EACCES, `misaligned packet access off ${where} size ${size}`);
  }
  if (store.tnumIsAligned(reg.s, reg.off + off, size)) return 0;
  const where = `${tnumText(store, reg.s)}+${reg.off}+${off}`;
  return env.fail(ERRNO.EACCES, `misaligned ${NAMES[reg.type] ?? ''}access off ${where} size ${size}`);
}

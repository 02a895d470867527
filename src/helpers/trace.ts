/** `bpf_trace_printk`: text for whoever debugs the program. */
import { ERRNO } from '../errors/index.ts';
import type { Family } from './env.ts';
import { formatTrace } from './printf.ts';
import { formatArguments } from './strings.ts';
import { memory, returnInt, uint32 } from './registers.ts';

/** Most bytes of one message, the NUL included. @kernel BPF_TRACE_PRINTK_SIZE */
const MESSAGE = 1024;

const decoder = new TextDecoder();

export const traceFamily: Family = {
  /** `(fmt, size, arg1, arg2, arg3)`: the length that the whole message would have, or -EINVAL for a bad format. */
  trace_printk(env, r, slot) {
    const size = uint32(r, 2);
    const address = memory(env.space, r, 1, size, false, slot);
    const text = formatTrace(env.space, env.space.bytes.subarray(address, address + size), r, 6);
    if (text === undefined) return returnInt(r, -ERRNO.EINVAL);
    env.trace(decoder.decode(text.bytes.subarray(0, MESSAGE - 1)).replace(/\n$/, ''));
    returnInt(r, text.length);
  },
  /** `(fmt, size, data, dataSize)`: with up to twelve arguments. */
  trace_vprintk(env, r, slot) {
    const size = uint32(r, 2);
    const address = memory(env.space, r, 1, size, false, slot);
    const args = formatArguments(env, r, 3, slot);
    const format = env.space.bytes.subarray(address, address + size);
    const text = args && formatTrace(env.space, format, args, 0, args.length / 2);
    if (text === undefined) return returnInt(r, -ERRNO.EINVAL);
    env.trace(decoder.decode(text.bytes.subarray(0, MESSAGE - 1)).replace(/\n$/, ''));
    returnInt(r, text.length);
  },
};

/** What the return value of a program means to its hook. Source: the uapi headers linux/bpf.h and linux/pkt_cls.h. */
import { PROG_TYPE } from '../uapi/index.ts';

const XDP_ACTIONS = ['XDP_ABORTED', 'XDP_DROP', 'XDP_PASS', 'XDP_TX', 'XDP_REDIRECT'];

const TC_ACTIONS = [
  'TC_ACT_OK',
  'TC_ACT_RECLASSIFY',
  'TC_ACT_SHOT',
  'TC_ACT_PIPE',
  'TC_ACT_STOLEN',
  'TC_ACT_QUEUED',
  'TC_ACT_REPEAT',
  'TC_ACT_REDIRECT',
  'TC_ACT_TRAP',
];

function socketFilter(value: number): string {
  if (value === 0) return 'not passed on';
  return value === 0xffffffff ? 'passed on whole' : `passed on, at most ${value} bytes`;
}

/**
 * @param progType see PROG_TYPE
 * @param value 32 bits, unsigned
 * @returns a name or a few words; empty where the value means nothing to the hook, or the hook is not known here
 */
export function verdictName(progType: number, value: number): string {
  switch (progType) {
    case PROG_TYPE.SOCKET_FILTER:
      return socketFilter(value);
    case PROG_TYPE.XDP:
      return XDP_ACTIONS[value] ?? 'unknown, as XDP_ABORTED';
    case PROG_TYPE.SCHED_CLS:
    case PROG_TYPE.SCHED_ACT:
      return value === 0xffffffff ? 'TC_ACT_UNSPEC' : (TC_ACTIONS[value] ?? '');
    default:
      return '';
  }
}

/** Who may call which helper, and what each takes: measured on Linux 6.18. */
import { describe, expect, it } from 'vitest';
import { ATTACH_TYPE, HELPER_NAMES, PROG_TYPE } from '../uapi/index.ts';
import { helperArgCount, helperProto, isHelperAllowed } from './index.ts';

const id = (name: string): number => HELPER_NAMES.indexOf(name);
const allowed = (progType: number, attachType = 0, perfmon = true): number =>
  HELPER_NAMES.filter((_, helper) => isHelperAllowed(progType, attachType, helper, perfmon)).length;

describe('helpers of a program type', () => {
  it('are as many as on Linux', () => {
    const { SOCKET_FILTER, XDP, SCHED_CLS, TRACEPOINT, CGROUP_SOCKOPT, NETFILTER } = PROG_TYPE;
    expect([SOCKET_FILTER, XDP, SCHED_CLS, TRACEPOINT, NETFILTER].map((type) => allowed(type))).toEqual([
      88, 104, 139, 81, 74,
    ]);
    expect([SOCKET_FILTER, XDP, SCHED_CLS].map((type) => allowed(type, 0, false))).toEqual([60, 76, 111]);
    const sockopt = [ATTACH_TYPE.CGROUP_GETSOCKOPT, ATTACH_TYPE.CGROUP_SETSOCKOPT];
    expect(sockopt.map((type) => allowed(CGROUP_SOCKOPT, type))).toEqual([82, 84]);
  });

  it('never include ids that do not exist', () => {
    for (const helper of [-1, 0, HELPER_NAMES.length]) {
      expect(isHelperAllowed(PROG_TYPE.SCHED_CLS, 0, helper, true)).toBe(false);
    }
    expect(allowed(0)).toBe(0);
  });
});

describe('prototypes', () => {
  it('have as many arguments as calls read registers', () => {
    for (const [helper, name] of HELPER_NAMES.entries()) {
      const proto = helperProto(helper);
      if (proto) expect(proto.args.length, name).toBe(helperArgCount(helper, PROG_TYPE.SOCKET_FILTER));
    }
    expect(helperProto(id('map_update_elem'))?.args).toEqual(['constMapPtr', 'mapKey', 'mapValue', 'anything']);
  });

  it('count arguments of every helper, and five of what is none', () => {
    const counts = HELPER_NAMES.map((_, helper) => helperArgCount(helper, PROG_TYPE.XDP));
    expect(counts.slice(1, 10)).toEqual([2, 4, 2, 3, 0, 2, 0, 0, 5]);
    expect([0, 212, -1].map((helper) => helperArgCount(helper, PROG_TYPE.XDP))).toEqual([5, 5, 5]);
    expect([PROG_TYPE.XDP, PROG_TYPE.LWT_IN].map((type) => helperArgCount(id('get_cgroup_classid'), type))).toEqual([
      0, 1,
    ]);
  });
});

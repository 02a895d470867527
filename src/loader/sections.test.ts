import { describe, expect, it } from 'vitest';
import { ATTACH_TYPE, ATTACH_TYPE_NAMES, PROG_FLAG, PROG_TYPE, PROG_TYPE_NAMES } from '../uapi/index.ts';
import { matchSection, SECTION_DEFS } from './index.ts';

const typeOf = (section: string) => matchSection(section).def?.type;

describe('section names', () => {
  // What libbpf_prog_type_by_name() of libbpf 1.1 answers: type and attach type, or undefined for ESRCH.
  it.each<[string, number, number]>([
    ['socket', PROG_TYPE.SOCKET_FILTER, 0],
    ['xdp', PROG_TYPE.XDP, ATTACH_TYPE.XDP],
    ['xdp/devmap', PROG_TYPE.XDP, ATTACH_TYPE.XDP_DEVMAP],
    ['kprobe/foo', PROG_TYPE.KPROBE, 0],
    ['kprobe', PROG_TYPE.KPROBE, 0],
    ['kprobe.multi/x', PROG_TYPE.KPROBE, ATTACH_TYPE.TRACE_KPROBE_MULTI],
    ['usdt/x', PROG_TYPE.KPROBE, 0],
    ['tc', PROG_TYPE.SCHED_CLS, 0],
    ['action', PROG_TYPE.SCHED_ACT, 0],
    ['tracepoint/a/b', PROG_TYPE.TRACEPOINT, 0],
    ['tp/a', PROG_TYPE.TRACEPOINT, 0],
    ['raw_tp.w/x', PROG_TYPE.RAW_TRACEPOINT_WRITABLE, 0],
    ['sk_skb', PROG_TYPE.SK_SKB, 0],
    ['sk_msg', PROG_TYPE.SK_MSG, ATTACH_TYPE.SK_MSG_VERDICT],
    ['cgroup_skb/ingress', PROG_TYPE.CGROUP_SKB, 0],
    ['cgroup/skb', PROG_TYPE.CGROUP_SKB, 0],
    ['lsm.s/x', PROG_TYPE.LSM, ATTACH_TYPE.LSM_MAC],
    ['lsm_cgroup/x', PROG_TYPE.LSM, ATTACH_TYPE.LSM_CGROUP],
    ['iter/task', PROG_TYPE.TRACING, ATTACH_TYPE.TRACE_ITER],
    ['flow_dissector', PROG_TYPE.FLOW_DISSECTOR, ATTACH_TYPE.FLOW_DISSECTOR],
    ['cgroup/dev', PROG_TYPE.CGROUP_DEVICE, ATTACH_TYPE.CGROUP_DEVICE],
    ['sk_lookup', PROG_TYPE.SK_LOOKUP, ATTACH_TYPE.SK_LOOKUP],
    ['struct_ops', PROG_TYPE.STRUCT_OPS, 0],
    ['perf_event', PROG_TYPE.PERF_EVENT, 0],
    ['syscall', PROG_TYPE.SYSCALL, 0],
  ])('%s', (section, type, attachType) => {
    expect(matchSection(section).def).toMatchObject({ type, attachType });
  });

  it.each([
    'sockets',
    'socket/x',
    'xdp/',
    'xdp/foo',
    'xdp_foo',
    'kprobex',
    'classifier/ingress',
    'sk_skb/foo',
    'cgroup/sock1',
    'perf_event/x',
    'lwt_in/x',
    'cgroup_skb/foo',
    'sk_lookup/x',
    '',
    '/',
    'toString',
    '__proto__',
  ])('%s is none', (section) => expect(typeOf(section)).toBeUndefined());

  it('later ones', () => {
    expect(matchSection('tcx/ingress').def).toMatchObject({
      type: PROG_TYPE.SCHED_CLS,
      attachType: ATTACH_TYPE.TCX_INGRESS,
    });
    expect(matchSection('netkit/peer').def).toMatchObject({
      type: PROG_TYPE.SCHED_CLS,
      attachType: ATTACH_TYPE.NETKIT_PEER,
    });
    expect(matchSection('kprobe.session/x').def?.attachType).toBe(ATTACH_TYPE.TRACE_KPROBE_SESSION);
    expect(matchSection('uprobe.multi.s/x').def).toMatchObject({
      attachType: ATTACH_TYPE.TRACE_UPROBE_MULTI,
      flags: PROG_FLAG.SLEEPABLE,
    });
    expect(typeOf('netfilter')).toBe(PROG_TYPE.NETFILTER);
  });

  it('what follows the type says what it attaches to', () => {
    expect(matchSection('tracepoint/syscalls/sys_enter_openat').attachTo).toBe('syscalls/sys_enter_openat');
    expect(matchSection('fentry.s/do_unlinkat')).toMatchObject({
      attachTo: 'do_unlinkat',
      def: { attachesToBtf: true, flags: PROG_FLAG.SLEEPABLE },
    });
    expect(matchSection('xdp.frags').def?.flags).toBe(PROG_FLAG.XDP_HAS_FRAGS);
  });

  it('? means: not unless asked for', () => {
    expect(matchSection('?kprobe/x')).toMatchObject({
      autoload: false,
      attachTo: 'x',
      def: { type: PROG_TYPE.KPROBE },
    });
    expect(matchSection('xdp').autoload).toBe(true);
    expect(matchSection('??xdp').def).toBeUndefined();
  });
});

it('every row is of a known type, and every pattern stands once', () => {
  for (const def of SECTION_DEFS) {
    expect(PROG_TYPE_NAMES[def.type], def.pattern).toBeDefined();
    expect(ATTACH_TYPE_NAMES[def.attachType], def.pattern).toBeDefined();
  }
  expect(new Set(SECTION_DEFS.map((def) => def.pattern.replace('+', ''))).size).toBe(SECTION_DEFS.length);
});

it('every program type has a section', () => {
  const types = new Set(SECTION_DEFS.map((def) => def.type));
  expect(PROG_TYPE_NAMES.filter((name, type) => name !== 'unspec' && !types.has(type))).toEqual([]);
});

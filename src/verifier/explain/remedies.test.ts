import { describe, expect, it } from 'vitest';
import { CLASS, MODE } from '../../isa/index.ts';
import { PROG_TYPE } from '../../uapi/index.ts';
import { adviceFor, type Refusal } from './remedies.ts';

const about = (...lines: string[]): Refusal => ({ progType: PROG_TYPE.XDP, attachType: 0, insn: undefined, lines });

const KINDS: readonly (readonly [string, string])[] = [
  ["R0 invalid mem access 'map_value_or_null'", 'null-check'],
  ['R1 pointer arithmetic on map_value_or_null prohibited, null-check it first', 'null-check'],
  ["R0 invalid mem access 'scalar'", 'not-a-pointer'],
  ['R2 min value is negative, either use unsigned index or do a if (index >=0) check.', 'memory-bounds'],
  ["R2 min value is negative, either use unsigned or 'var &= const'", 'size-argument'],
  ["R2 unbounded memory access, use 'var &= const' or 'if (var < const)'", 'size-argument'],
  ['R0 unbounded memory access, make sure to bounds check any such access', 'memory-bounds'],
  ['R3 !read_ok', 'uninitialised-register'],
  ['invalid read from stack off -8+0 size 8', 'uninitialised-stack'],
  ['invalid read from stack R2 off=-528 size=8', 'stack-bounds'],
  ['invalid write to stack R10 off=-520 size=8', 'stack-bounds'],
  ['invalid unbounded variable-offset write to stack R2', 'stack-bounds'],
  ['combined stack size of 2 calls is 576. Too large', 'stack-depth'],
  ['dereference of modified ctx ptr R1 off=4 disallowed', 'modified-pointer'],
  ['R1 pointer += pointer prohibited', 'pointer-arithmetic'],
  ['R1 32-bit pointer arithmetic prohibited', 'pointer-arithmetic'],
  ['R0 leaks addr as return value', 'pointer-leak'],
  ['same insn cannot be used with different pointers', 'mixed-pointers'],
  ['misaligned packet access off 0+0+13+0 size 4', 'alignment'],
  ['misaligned access off (0x0; 0xff)+0+0 size 4', 'alignment'],
  ['write into map forbidden, value_size=8 off=0 size=8', 'read-only'],
  ['cannot call GPL-restricted function from non-GPL compatible program', 'licence'],
  ['cannot pass map_type 2 into func bpf_tail_call#12', 'map-type'],
  ['R1 type=ctx expected=map_ptr', 'argument-type'],
  ['BPF_EXIT instruction in main prog would lead to reference leak', 'reference-leak'],
  ['BPF_EXIT instruction in main prog cannot be used inside bpf_spin_lock-ed region', 'lock'],
  ['infinite loop detected at insn 3', 'infinite-loop'],
  ['BPF program is too large. Processed 1000001 insn', 'complexity'],
  ['unreachable insn 4', 'unreachable'],
  ['jump out of range from insn 1 to 7', 'control-flow'],
  ['last insn is not an exit or jmp', 'control-flow'],
  ['the call stack of 9 frames is too deep !', 'call-depth'],
  ['unknown opcode 8f', 'encoding'],
  ['BPF_ALU uses reserved fields', 'encoding'],
  ['fd 9 is not pointing to valid bpf_map', 'map-descriptor'],
  ['At program exit the register R0 has smin=2 smax=2 should have been in [0, 1]', 'return-value'],
  ['At program exit the register R0 is not a known value (ctx)', 'return-value'],
  ["Caller passes invalid args into func#1 ('f')", 'global-function'],
  ['Expected an initialized dynptr as arg #1', 'dynptr'],
  ['helper call might sleep in a non-sleepable prog', 'sleepable'],
  ['expected prog array map for tail call', 'tail-call'],
  ['profile lwn-2014: insn 0: programs of type socket_filter cannot call bpf_ktime_get_ns', 'profile'],
  ['profile lwn-2014: there are no maps of type array', 'profile'],
  ['R1 is of type cgroup but task_struct is expected', 'kernel-type'],
  ['access beyond struct task_struct at off 9999 size 8', 'kernel-member'],
  ['bpf_get_current_comm() may write into memory pointed by R1 type=trusted_ptr_', 'kernel-write'],
  ['invalid kptr access, R1 type=scalar expected=ptr_task_struct or untrusted_ptr_task_struct', 'kptr'],
  ['bpf_timer cannot be accessed directly by load/store', 'special-field'],
  ['tracing progs cannot use bpf_spin_lock yet', 'lock'],
  ['R2 tried to add beyond pointer bounds, pointer arithmetic with it prohibited for !root', 'unprivileged-pointer'],
  ['R10 partial copy of pointer', 'pointer-arithmetic'],
  ['At async callback return the register R0 has smin=1 smax=1 should have been in [0, 0]', 'callback-return'],
  ["R3 does not point to a readonly map'", 'constant-string'],
  ['R0 invalid tcp_sock access off=80 size=4', 'memory-bounds'],
  ['BPF_ATOMIC uses invalid atomic opcode e0', 'atomic'],
  ['verifier bug: static subprog unexpected regs 80', 'kernel-bug'],
];

describe('kinds of refusals', () => {
  it.each(KINDS)('%s', (message, kind) => {
    const advice = adviceFor(about(message));
    expect(advice.kind).toBe(kind);
    expect(advice.remedy).not.toBe('');
  });

  it('what is not in the table is called so', () => {
    expect(adviceFor(about('something new'))).toEqual({ kind: 'other', cause: '', remedy: '' });
  });
});

describe('remedies name what helps', () => {
  it('the comparison with the end of the packet', () => {
    const { cause, remedy } = adviceFor(
      about('invalid access to packet, off=23 size=1, R1(id=0,off=23,r=14)', 'R1 offset is outside of the packet'),
    );
    expect(cause).toContain('up to byte 24 of the packet, and only 14 bytes were compared');
    expect(remedy).toContain('if (data + 24 > data_end) return');
  });

  it('the range of the return value', () => {
    const message = 'At program exit the register R0 has smin=2 smax=2 should have been in [0, 1]';
    expect(adviceFor(about(message)).remedy).toBe('return a value from 0 to 1');
  });

  it('the program types that have a helper', () => {
    const { remedy } = adviceFor(about('program of this type cannot use helper bpf_xdp_adjust_head#44'));
    expect(remedy).toBe('it is there for programs of type xdp');
  });

  const load = (off: number): Refusal => ({
    ...about(`invalid bpf_context access off=${off} size=8`),
    insn: { opcode: CLASS.LDX | MODE.MEM | 0x18, dst: 0, src: 1, off, imm: 0 },
  });
  it('the field of the context, and the sizes it has', () => {
    expect(adviceFor(load(4)).remedy).toContain(
      'load 4 bytes here, not 8: bytes 4 to 11 are in `data_end` of struct xdp_md',
    );
    expect(adviceFor(load(64)).remedy).toContain('struct xdp_md has 24 bytes');
  });
});

/**
 * What a refusal is about, and what usually helps: one row a form of Linux's message. The first row that matches any of
 * the telling lines is taken, the last line first. `cause` says in plain words what the verifier missed.
 */
import type { Instruction } from '../../isa/index.ts';
import { ctxHint, typesThatMayCall } from './hints.ts';

/** What a row may ask about the refused program. */
export interface Refusal {
  readonly progType: number;
  readonly attachType: number;
  readonly insn: Instruction | undefined;
  /** All telling lines. */
  readonly lines: readonly string[];
}

export interface Advice {
  /** The kind of refusal, a word for tools. */
  readonly kind: string;
  readonly cause: string;
  readonly remedy: string;
}

type Say = string | ((m: RegExpExecArray, refusal: Refusal) => string);

interface Row {
  readonly kind: string;
  readonly form: RegExp;
  readonly cause?: Say;
  readonly remedy: Say;
}

const reg = (m: RegExpExecArray): string => `r${m[1]}`;

/** A number that another telling line gives. */
function detail(refusal: Refusal, form: RegExp): RegExpExecArray | undefined {
  for (const line of refusal.lines) {
    const m = form.exec(line);
    if (m) return m;
  }
  return undefined;
}

function packetRemedy(_: RegExpExecArray, refusal: Refusal): string {
  const m = detail(refusal, /off=(-?\d+) size=(\d+)/);
  const end = m ? Number(m[1]) + Number(m[2]) : undefined;
  const n = end !== undefined && end > 0 ? String(end) : 'N';
  return `compare with data_end before this: if (data + ${n} > data_end) return …;`;
}

function packetCause(m: RegExpExecArray, refusal: Refusal): string {
  const found = detail(refusal, /off=(-?\d+) size=(\d+), R\d+\(id=\d+,off=(-?\d+),r=(\d+)\)/);
  if (!found) return `${reg(m)} may point behind the packet's end`;
  const [off, size, , range] = found.slice(1).map(Number);
  const proved =
    range === 0 ? 'no comparison with data_end covers it' : `only ${range} bytes were compared with data_end`;
  return `this reads up to byte ${off + size} of the packet, and ${proved} on this path`;
}

function valueCause(m: RegExpExecArray, refusal: Refusal): string {
  const found = detail(refusal, /value_size=(\d+) off=(-?\d+)(?: size=(\d+))?/);
  if (!found) return `${reg(m)} may point outside of its memory`;
  const [size, off, bytes] = found.slice(1);
  return `the value has ${size} bytes, and this may touch ${bytes ?? 'some'} at offset ${off}`;
}

const BOUND_INDEX =
  'bound the index before the access: with `&` and a constant, or a comparison with the number of elements';
const RELEASE = 'release it on every path, the early returns too';

// prettier-ignore
const ROWS: readonly Row[] = [
  // Another profile than Linux 6.18.
  { kind: 'profile', form: /^profile (\S+): .*cannot call/, cause: 'the profile has no such helper for this program type', remedy: 'do without the helper, or ask for another profile' },
  { kind: 'profile', form: /^profile (\S+): /, cause: (m) => `the system of profile ${m[1]} does not have this`, remedy: 'keep to what the profile has, or ask for another one' },
  // What was never checked.
  { kind: 'null-check', form: /^R(\d+) invalid mem access '\w*_or_null_?'/, cause: (m) => `${reg(m)} may be NULL, and no comparison on this path rules that out`, remedy: 'check the returned pointer against NULL before using it: if (!p) return …;' },
  { kind: 'null-check', form: /^R(\d+) pointer arithmetic on \w*or_null_? prohibited, null-check it first/, cause: (m) => `${reg(m)} may be NULL, and a sum of it could not be checked any more`, remedy: 'check the returned pointer against NULL first, then add to it' },
  { kind: 'null-check', form: /^Possibly NULL pointer passed to (?:trusted |helper )?arg(\d+)/, cause: (m) => `argument ${Number(m[1]) + 1} may be NULL`, remedy: 'check the pointer against NULL before passing it' },
  { kind: 'packet-bounds', form: /^R(\d+) offset is outside of the packet/, cause: packetCause, remedy: packetRemedy },
  { kind: 'packet-bounds', form: /^invalid access to packet/, remedy: packetRemedy },
  { kind: 'packet-access', form: /^helper access to the packet is not allowed/, cause: 'this helper does not take pointers into the packet here', remedy: 'copy the bytes to the stack, with bpf_skb_load_bytes() or a bounded copy' },
  { kind: 'packet-access', form: /^cannot write into packet|^the prog does not allow writes to packet data/, remedy: 'this program type may only read packets: write through a helper, or in another hook' },
  { kind: 'memory-bounds', form: /^R(\d+) min value is negative, either use unsigned index/, cause: (m) => `${reg(m)} may be negative`, remedy: `use an unsigned type, or compare with 0 before the access; ${BOUND_INDEX}` },
  { kind: 'size-argument', form: /^R(\d+) min value is negative/, cause: (m) => `the size in ${reg(m)} may be negative`, remedy: 'make the size unsigned and bound it: size &= MAX, or if (size > MAX) return …;' },
  { kind: 'size-argument', form: /^R(\d+) unbounded memory access, use/, cause: (m) => `the size in ${reg(m)} has no upper bound`, remedy: 'bound the size: size &= MAX, or if (size > MAX) return …;' },
  { kind: 'size-argument', form: /^R(\d+) invalid zero-sized read/, cause: (m) => `the size in ${reg(m)} may be 0`, remedy: 'make sure that the size is at least 1: if (size == 0) return …;' },
  { kind: 'size-argument', form: /^invalid zero-sized read/, remedy: 'pass a size of at least 1' },
  { kind: 'memory-bounds', form: /^R(\d+) (?:max|min) value is outside of the allowed memory range/, cause: valueCause, remedy: BOUND_INDEX },
  { kind: 'memory-bounds', form: /^R(\d+) unbounded memory access, make sure to bounds check/, cause: (m) => `nothing on this path bounds the offset in ${reg(m)}`, remedy: BOUND_INDEX },
  { kind: 'memory-bounds', form: /^invalid access to (?:map value|memory|map key)/, cause: valueCause, remedy: 'stay inside: the offset and size must fit into what the pointer points to' },
  { kind: 'memory-bounds', form: /^R(\d+) is bpf_array invalid negative access|^R(\d+) invalid (?:rdwr|rdonly|variable) buffer/, remedy: BOUND_INDEX },
  { kind: 'unbounded-offset', form: /^math between (\w+) pointer and register with unbounded min value/, cause: (m) => `a number without a lower bound is added to a ${m[1]} pointer`, remedy: 'bound the number on both sides before adding it; an unsigned type or `&` with a constant does' },
  { kind: 'unbounded-offset', form: /^value -\d+ makes (\w+) pointer be out of bounds/, cause: (m) => `the number added to the ${m[1]} pointer may be negative`, remedy: 'use an unsigned type, or compare the number with 0 as well' },
  { kind: 'unbounded-offset', form: /^value -?\d+ makes (\w+) pointer be out of bounds|^math between (\w+) pointer and -?\d+ is not allowed|^(\w+) pointer offset -?\d+ is not allowed/, remedy: 'keep the offset small: the pointer must stay near the object' },
  // Initialisation.
  { kind: 'uninitialised-register', form: /^R(\d+) !read_ok/, cause: (m) => `${reg(m)} was not written on this path, or a call left it undefined (r0-r5)`, remedy: 'give the variable a value on every path; what must survive a call belongs into r6-r9 or onto the stack' },
  { kind: 'uninitialised-stack', form: /^invalid read from stack (?:R\d+ )?(?:var_)?off /, cause: 'bytes of the stack are read that nothing wrote on this path', remedy: 'initialise the whole variable first, with its padding: struct key k = {}; or __builtin_memset()' },
  { kind: 'uninitialised-stack', form: /^invalid size of register fill/, cause: 'a spilled pointer is read in another size than it was stored', remedy: 'load all eight bytes of the slot' },
  { kind: 'stack-bounds', form: /^invalid (?:variable-offset )?(?:write to|read from) stack R\d+ (?:off|var_off)=/, cause: 'the access leaves the 512 bytes of the stack', remedy: 'keep arrays on the stack small and their index bounded; large buffers belong into a map' },
  { kind: 'stack-bounds', form: /^invalid unbounded variable-offset (?:write to|read from) stack/, cause: 'the index into the stack has no bounds', remedy: BOUND_INDEX },
  { kind: 'stack-bounds', form: /^R\d+ variable offset stack access prohibited|^variable offset stack pointer cannot be passed|^uninit stack in range of var-offset write|^spilled ptr in range of var-offset/, remedy: 'use a constant index into the stack here' },
  { kind: 'stack-depth', form: /^combined stack size of|^Allowed stack size|stack depth exceeds/, cause: 'the functions of one chain of calls use more than 512 bytes of stack together', remedy: 'move large variables into a per-CPU array, or inline the functions' },
  { kind: 'spill', form: /^invalid size of register spill|^attempt to corrupt spilled pointer|^cannot spill pointers to stack/, remedy: 'store pointers whole, eight bytes at an address divisible by eight, in the own frame' },
  // The context.
  { kind: 'context-access', form: /^invalid bpf_context access off=(-?\d+) size=(\d+)/, cause: 'this part of the context may not be accessed like this', remedy: (m, { progType, attachType, insn }) => (insn ? ctxHint(progType, attachType, Number(m[1]), Number(m[2]), insn) : 'use the fields that this program type has') },
  { kind: 'modified-pointer', form: /^dereference of modified (\w+) ptr|^negative offset (\w+) ptr|^variable (\w+) access var_off/, cause: 'a pointer that must be used as it was given was moved before', remedy: 'index with constants from the original pointer: the compiler must see ctx->field, not a sum kept in a variable' },
  // Pointers.
  { kind: 'not-a-pointer', form: /^R(\d+) invalid mem access 'scalar'/, cause: (m) => `${reg(m)} is a number here: it never was a pointer, or lost that by arithmetic, a narrow store, or a call that moved the packet`, remedy: 'keep the pointer whole; after helpers that change the packet read data and data_end anew; read kernel memory with bpf_probe_read_kernel()' },
  { kind: 'not-a-pointer', form: /^R(\d+) invalid mem access '([\w ]+)'/, cause: (m) => `memory cannot be read or written through a ${m[2]} pointer`, remedy: 'use the helper for this kind of pointer' },
  { kind: 'pointer-arithmetic', form: /^R(\d+) (?:pointer arithmetic|bitwise operator|32-bit pointer arithmetic|pointer \+= pointer|tried to subtract pointer|subtraction from stack pointer|\d+-bit pointer arithmetic)/, cause: (m) => `this is not defined for the pointer in ${reg(m)}`, remedy: 'pointers may be moved by 64-bit += and -= with bounded numbers; cast to a number for anything else' },
  { kind: 'pointer-leak', form: /^R(\d+) leaks addr/, cause: (m) => `the address in ${reg(m)} would become visible`, remedy: 'do not store or return pointers; callers with CAP_PERFMON may' },
  { kind: 'pointer-leak', form: /^R(\d+) pointer comparison prohibited|^leaking pointer/, remedy: 'callers without CAP_PERFMON may compare pointers only with NULL' },
  { kind: 'pointer-return', form: /^cannot return stack pointer to the caller/, remedy: 'return a number: the frame is gone when the function has returned' },
  { kind: 'mixed-pointers', form: /^same insn cannot be used with different pointers/, cause: 'one instruction meets different kinds of pointers on different paths', remedy: 'write the access once in each branch; a barrier keeps the compiler from joining them: asm volatile("")' },
  { kind: 'alignment', form: /^misaligned (?:(\w+) )?access/, cause: 'the address need not be divisible by the size of the access', remedy: 'access packed fields in smaller parts or with __builtin_memcpy(); atomics need natural alignment' },
  { kind: 'read-only', form: /^write into map forbidden|^R\d+ cannot write into|cannot write into/, cause: 'this memory may only be read', remedy: 'write to a copy; maps are writable unless made with BPF_F_RDONLY_PROG or frozen' },
  { kind: 'write-only', form: /^read from map forbidden/, remedy: 'the map was made with BPF_F_WRONLY_PROG: programs may not read it' },
  { kind: 'atomic', form: /^BPF_ATOMIC (?:stores|loads) into R\d+ (\w+) is not allowed/, cause: (m) => `atomics do not work on ${m[1]} memory`, remedy: 'use atomics on map values and the stack' },
  { kind: 'frame-pointer', form: /^frame pointer is read only/, remedy: 'copy r10 to another register and change that' },
  // Helpers.
  { kind: 'helper-not-allowed', form: /^program of this type cannot use helper \w+#(\d+)/, cause: 'the helper is not there for this program type', remedy: (m) => typesThatMayCall(Number(m[1])) },
  { kind: 'unknown-helper', form: /^invalid func \w+#(\d+)/, cause: 'Linux 6.18 has no helper of this number', remedy: 'build against the headers of the kernel that is meant' },
  { kind: 'licence', form: /GPL-restricted|GPL compatible license/, cause: 'this needs a licence compatible with the GPL', remedy: 'char _license[] SEC("license") = "GPL"; (or "Dual BSD/GPL", …), if that is the program\'s licence' },
  { kind: 'map-type', form: /^cannot pass map_type \d+ into func/, cause: 'the helper does not work on maps of this type', remedy: 'use the helper that belongs to the map\'s type' },
  { kind: 'argument-type', form: /^R(\d+) type=(\S+) expected=(.+)/, cause: (m) => `${reg(m)} is ${m[2]}; the callee takes ${m[3]}`, remedy: (m) => (/_or_null/.test(m[2]) ? 'check the pointer against NULL before passing it' : 'pass what the prototype names; data of other kinds goes through a variable on the stack') },
  { kind: 'constant-argument', form: /^R(\d+) must be a known constant|^R(\d+) is not a known constant|^R(\d+) unbounded/, remedy: 'pass a literal constant here' },
  { kind: 'sleepable', form: /might sleep in a non-sleepable|can be sleepable|non-sleepable BPF program context/, remedy: 'sleeping helpers need a sleepable program: SEC("fentry.s/…"), SEC("lsm.s/…"), SEC("syscall")' },
  { kind: 'tail-call', form: /^expected prog array map for tail call|^tail_call /, remedy: 'pass a map of type BPF_MAP_TYPE_PROG_ARRAY, and hold nothing when calling' },
  // References and locks.
  { kind: 'reference-leak', form: /reference leak|^Unreleased reference/, cause: 'something that was acquired is still held here', remedy: RELEASE },
  { kind: 'reference', form: /must be referenced|unacquired reference|release/, cause: 'what is released here was not acquired, or is not held any more', remedy: 'release the very pointer that the acquiring helper returned, once, after its NULL check' },
  { kind: 'lock', form: /spin_lock|spin_unlock|holding a lock|lock-ed region/, cause: 'the rules of locks are broken', remedy: 'take one lock at a time, release it on every path, call nothing between' },
  { kind: 'region', form: /-ed region/, remedy: 'end the region on every path before leaving the program' },
  // Shape of the program.
  { kind: 'infinite-loop', form: /^infinite loop detected at insn/, cause: 'the loop comes back with nothing changed, so it might never end', remedy: 'count with a variable that the condition compares with a constant, or use bpf_loop()' },
  { kind: 'loop', form: /^back-edge from insn/, cause: 'the program jumps back, which this caller may not', remedy: 'unroll the loop, or load with CAP_BPF and a bounded loop' },
  { kind: 'complexity', form: /^BPF program is too large|sequence of \d+ jumps is too complex|^too many/, cause: 'the paths through the program are more than the verifier walks', remedy: 'bound loops lower, move their bodies into global functions or bpf_loop(), and let branches join with equal states' },
  { kind: 'unreachable', form: /^unreachable insn/, cause: 'no path leads to this instruction', remedy: 'remove it: compilers do, hand-written code must' },
  { kind: 'control-flow', form: /^jump out of range|^jump into the middle|^call to invalid destination|^last insn is not an exit|falls? through|^subprog/, remedy: 'every function must end with exit or a jump, and jump only to instructions of its own' },
  { kind: 'call-depth', form: /^the call stack of \d+ frames is too deep|recursive call/, remedy: 'at most eight functions may be active, and none may call itself: inline some' },
  { kind: 'encoding', form: /uses? reserved fields|^unknown opcode|^invalid bpf_ld_imm64|^unrecognized bpf_ld_imm64|^R\d+ is invalid|invalid BPF_|^invalid shift|^div by zero|^BPF_END/, cause: 'the instruction is malformed', remedy: 'check who made the bytes: compilers do not emit this for the instruction sets of Linux 6.18' },
  { kind: 'map-descriptor', form: /^fd -?\d+ is not pointing to valid bpf_map|^direct value offset|^map .* has|^invalid map/, remedy: 'the instruction must name an open map: let the loader fill it in' },
  { kind: 'legacy-load', form: /BPF_LD_\[ABS\|IND\]|LD_ABS/, remedy: 'keep the context in r6; load through packet pointers instead' },
  { kind: 'return-value', form: /^At (?:program exit|callback return) the register R(\d+) (?:has|is)(.*?)(?:should have been in \[(-?\d+), (-?\d+)\])?$/, cause: (m) => `the value returned${m[2] ? ` (${m[2].trim()})` : ''} is outside of what this hook takes`, remedy: (m) => (m[3] === undefined ? 'return a known number' : `return a value from ${m[3]} to ${m[4]}`) },
  { kind: 'global-function', form: /^Global function|^Caller passes invalid args|^arg#\d+|^func#?\d+|^Validating/, cause: 'a global function is verified by itself, from the types of its BTF alone', remedy: 'make the function static, or give its arguments types that say enough (pointers to structs, __arg_nonnull, __arg_ctx)' },
  { kind: 'btf', form: /func_info|line_info|BTF|btf/, remedy: 'rebuild the object with -g by a compiler whose BTF the loader knows' },
  { kind: 'kfunc', form: /kernel function|kfunc/, remedy: 'the function must be allowed for this program type, with arguments of its exact types' },
  { kind: 'dynptr', form: /dynptr/i, remedy: 'a dynptr lives on the stack: initialise it by a helper, use it by helpers, release it on every path' },
  { kind: 'iterator', form: /iter_|iterator/, remedy: 'new, next until NULL, destroy: on every path, with the iterator on the stack' },
  // Types of the kernel.
  { kind: 'kernel-type', form: /^R(\d+) is of type (\w+) but (\w+) is expected/, cause: (m) => `${reg(m)} points to struct ${m[2]}; the callee takes struct ${m[3]}`, remedy: (m) => `pass a pointer to struct ${m[3]} that the kernel gave: an argument of the hook, or a member that points to one` },
  { kind: 'kernel-member', form: /^access beyond (?:the end of member|struct)|^cannot access ptr member|doesn't have field at offset|^R\d+ is \S+ invalid (?:negative access|variable offset)/, cause: 'the access does not fall into one member of the struct', remedy: 'read one member at a time, in its own size and at a constant offset; across members use bpf_probe_read_kernel()' },
  { kind: 'kernel-write', form: /^no write support to|^write access at off|^only read(?: from \w+)? is supported|may write into memory pointed by/, cause: 'programs may not write to this memory of the kernel', remedy: 'write through the helper or kernel function for it, or to a copy of your own' },
  { kind: 'kernel-access', form: /access is allowed only to CAP_PERFMON/, remedy: 'load with CAP_PERFMON, or do not look into the struct' },
  { kind: 'licence', form: /^Cannot access kernel '.*' from non-GPL/, cause: 'looking into structs of the kernel needs a licence compatible with the GPL', remedy: 'char _license[] SEC("license") = "GPL"; (or "Dual BSD/GPL", …), if that is the program\'s licence' },
  { kind: 'kernel-symbol', form: /failed to find the address for kernel symbol/, remedy: 'the running kernel does not export this symbol: declare it __weak and check its address' },
  { kind: 'trust', form: /must be a rcu pointer|must be referenced or trusted|^R\d+ must be referenced/, cause: 'the pointer may not be valid any more, or is only so inside of an RCU section', remedy: 'take it from an argument of the hook, or between bpf_rcu_read_lock() and bpf_rcu_read_unlock(), or acquire a reference' },
  { kind: 'attach-target', form: /^attach to (?:unsupported|invalid) member|^The function \S+ |^func \S+ (?:supported only|not supported) for|^Syscall programs can only be/, cause: 'the program does not fit what it is attached to', remedy: 'choose another function or member to attach to, or the section that its type asks for' },
  // Fields that the kernel keeps in map values.
  { kind: 'kptr', form: /kptr/, cause: 'the rules of kernel pointers in map values are broken', remedy: 'access them whole, eight bytes at a constant offset; exchange referenced ones with bpf_kptr_xchg()' },
  { kind: 'special-field', form: /^(?:direct access to \w+ is disallowed|bpf_\w+ cannot be accessed directly|bpf_\w+ not found at offset|off \d+ doesn't point to|R\d+ doesn't have constant offset)/, cause: 'this part of the value belongs to the kernel', remedy: 'touch it only through its helpers, with a pointer to exactly this field' },
  { kind: 'special-field', form: /^timer pointer in R\d+ map_uid/, remedy: 'pass the map that the value with the timer was found in' },
  { kind: 'special-field', form: /^tracing progs cannot use/, cause: 'tracing programs may run inside of the code that these fields need', remedy: 'keep such fields in maps of networking programs, or use a per-CPU map instead' },
  { kind: 'owned-object', form: /^(?:operation on bpf_|bpf_rbtree_|bpf_obj_new|local type ID|can't spin_)|rbtree cb/, remedy: 'allocate with bpf_obj_new() of a local struct, add and remove under the lock of the list or tree, drop what you own' },
  { kind: 'irq-flag', form: /irq (?:flag|state)/, remedy: 'save and restore the interrupt state in pairs, in reverse order, with the flag on the stack' },
  { kind: 'exception', form: /exception c(?:b|allback)/, remedy: 'one exception callback a program, global, taking and returning one number, called by bpf_throw() alone' },
  // Pointers of callers without CAP_PERFMON.
  { kind: 'unprivileged-pointer', form: /prohibited for !root|^R\d+ has pointer with unsupported alu/, cause: 'a caller without CAP_PERFMON must bound every step of a pointer, on speculative paths too', remedy: 'bound the number just before it is added, to the same limit on all paths; or load with CAP_PERFMON' },
  { kind: 'pointer-arithmetic', form: /^R(\d+) (?:partial copy|sign-extension part) of pointer|^R(\d+) pointer -= pointer prohibited/, cause: 'a pointer must be copied whole, and only packet pointers may be subtracted from each other', remedy: 'copy pointers with 64-bit moves; cast to a number for anything else, where the caller may' },
  // Callbacks.
  { kind: 'callback-return', form: /^At (?:async|sync) callback return the register R\d+ (?:has|is)(.*?)(?:should have been in \[(-?\d+), (-?\d+)\])?$/, cause: 'a callback returned what its caller does not take', remedy: (m) => (m[2] === undefined ? 'return a known number' : m[2] === m[3] ? `return ${m[2]}` : `return a value from ${m[2]} to ${m[3]}`) },
  { kind: 'pointer-return', form: /^At subprogram exit the register R\d+ is not a scalar/, remedy: 'global functions return numbers: hand pointers back through memory that the caller passes' },
  { kind: 'callback', form: /^callback function|^insn \d+ cannot call exception/, remedy: 'pass a static function of this program whose parameters are those of the helper\'s callback; for maps, a hash, an array or an LRU' },
  { kind: 'tail-call', form: /subprog has tail_call and async cb/, remedy: 'keep tail calls out of programs whose functions run later, as timers do' },
  // What remains of helpers, maps and contexts.
  { kind: 'memory-bounds', form: /^R\d+ invalid (?:sock|sock_common|tcp_sock|xdp_sock|tracepoint buffer) access|^invalid access to flow keys/, cause: 'there is no field of this size at this offset', remedy: 'read the fields that the uapi headers give the struct, in their own size' },
  { kind: 'constant-string', form: /does not point to a readonly map|is not a constant address|direct value access on string|string is not zero-terminated/, cause: 'the helper wants a string that cannot change', remedy: 'use a literal: static const char text[] = "…"; it lies in .rodata, which is frozen' },
  { kind: 'constant-string', form: /^Invalid format string/, remedy: 'use the conversions that bpf_trace_printk() has, and pass as many arguments as they take' },
  { kind: 'map-value', form: /^no direct value access support|^fd_idx without fd_array/, remedy: 'take the address of a value only of arrays with room for it, through the loader' },
  { kind: 'read-only', form: /^write to change key/, cause: 'keys belong to the map', remedy: 'copy the key, change the copy, and update the map with it' },
  { kind: 'map-type', form: /^Sleepable programs can only use|^only one cgroup storage|^invalid arg_type for sockmap/, remedy: 'use a map type that this program may have' },
  { kind: 'helper-argument', form: /^get_local_storage\(\)|^helper call is not allowed in probe|^more than one arg with ref_obj_id|^R\d+ not a scalar value/, remedy: 'pass what the helper\'s page of bpf-helpers(7) says' },
  { kind: 'atomic', form: /^BPF_ATOMIC loads from|^BPF_ATOMIC uses invalid|^invalid atomic operand/, remedy: 'atomics work on words of four and eight bytes of map values and of the stack, with the operations of RFC 9669' },
  { kind: 'arena', form: /^addr_space_cast/, remedy: 'address spaces are of arenas: the program must use a map of that type' },
  { kind: 'unknown-helper', form: /^invalid func unknown#/, cause: 'Linux 6.18 has no helper of this number', remedy: 'build against the headers of the kernel that is meant' },
  { kind: 'kernel-bug', form: /^verifier bug/, cause: 'Linux found a contradiction in its own work, and refuses the program for it', remedy: 'change the program around this instruction; newer kernels may load it' },
  { kind: 'function', form: /^use static function instead/, remedy: 'make the function static' },
];

const UNKNOWN: Advice = { kind: 'other', cause: '', remedy: '' };

const say = (text: Say | undefined, m: RegExpExecArray, refusal: Refusal): string =>
  typeof text === 'function' ? text(m, refusal) : (text ?? '');

/** @returns kind, cause and remedy; kind `other` with empty texts where no row knows the message. */
export function adviceFor(refusal: Refusal): Advice {
  for (const line of [...refusal.lines].reverse()) {
    for (const { kind, form, cause, remedy } of ROWS) {
      const m = form.exec(line);
      if (m) return { kind, cause: say(cause, m, refusal), remedy: say(remedy, m, refusal) };
    }
  }
  return UNKNOWN;
}

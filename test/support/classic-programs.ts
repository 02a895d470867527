/** Random classic programs: wild ones for the check, and ones that Linux takes, for what they compute. */
import { AD, AD_OFF, CLASSIC_FORMS, LL_OFF, NET_OFF, checkClassic } from '../../src/cbpf/index.ts';
import type { ClassicForm, ClassicInstruction } from '../../src/cbpf/index.ts';
import type { Random } from '../../src/util/index.ts';

const NUMBERS = [0, 1, 2, 3, 4, 15, 16, 31, 32, 255, 0x800, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];
const RETURNS = CLASSIC_FORMS.filter(({ mnemonic }) => mnemonic === 'ret');
const BODY = CLASSIC_FORMS.filter(({ mnemonic }) => mnemonic !== 'ret');

/** Which facts about a packet a program may ask for. */
export type Facts = readonly number[];

/** Facts that every socket answers alike, in eBPF too. */
export const COMMON_FACTS: Facts = [
  AD.PROTOCOL,
  AD.PKTTYPE,
  AD.IFINDEX,
  AD.MARK,
  AD.QUEUE,
  AD.ALU_XOR_X,
  AD.VLAN_TAG,
  AD.VLAN_TAG_PRESENT,
  AD.VLAN_TPID,
];
/** And those that eBPF has no access to. */
export const NETLINK_FACTS: Facts = [AD.NLATTR, AD.NLATTR_NEST];
/** All that a Unix socket answers alike each time. */
export const SOCKET_FACTS: Facts = [...COMMON_FACTS, ...NETLINK_FACTS, AD.HATYPE, AD.PAY_OFFSET];

const number = (random: Random): number => (random.oneIn(3) ? random.u32() : random.pick(NUMBERS));

function offset(random: Random, facts: Facts): number {
  switch (random.below(8)) {
    case 0:
      return AD_OFF + random.pick(facts);
    case 1:
      return NET_OFF + random.below(40);
    case 2:
      return random.oneIn(2) ? LL_OFF + random.below(40) : number(random) | 0;
    default:
      return random.below(random.oneIn(8) ? 100 : 24);
  }
}

/** An instruction of a form. @param after instructions that follow */
function instruction(form: ClassicForm, random: Random, after: number, facts: Facts): ClassicInstruction {
  const { code, operand, mnemonic } = form;
  const base = { code, jt: 0, jf: 0 };
  const skip = (): number => random.below(Math.min(after, random.oneIn(4) ? 200 : 4));
  switch (operand) {
    case 'abs':
    case 'msh':
      return { ...base, k: (operand === 'abs' ? offset(random, facts) : random.below(24)) >>> 0 };
    case 'ind':
      return { ...base, k: (random.oneIn(6) ? offset(random, facts) : random.below(12)) >>> 0 };
    case 'mem':
      return { ...base, k: random.below(random.oneIn(4) ? 16 : 3) };
    case 'goto':
      return { ...base, k: skip() };
    case 'ifK':
    case 'ifX':
      return { code, jt: skip(), jf: skip(), k: number(random) };
    case 'dec':
      if (mnemonic === 'lsh' || mnemonic === 'rsh') return { ...base, k: random.below(32) };
      return { ...base, k: number(random) || 1 };
    default:
      return { ...base, k: number(random) };
  }
}

/** A program that the check takes, or one in which few things are wrong. */
export function wildClassicProgram(random: Random): ClassicInstruction[] {
  const length = 1 + random.below(random.oneIn(5) ? 60 : 8);
  const any = Object.values(AD);
  const insns = Array.from({ length }, (_, i) => {
    const forms = i === length - 1 ? RETURNS : CLASSIC_FORMS;
    return instruction(random.pick(forms), random, Math.max(1, length - i - 1), any);
  });
  for (let n = random.below(3); n > 0; n--) {
    const at = random.below(length);
    const field = random.pick(['code', 'jt', 'jf', 'k', 'k'] as const);
    const value = field === 'code' ? random.below(random.oneIn(4) ? 0x10000 : 0x100) : number(random);
    insns[at] = { ...insns[at], [field]: field === 'jt' || field === 'jf' ? value & 255 : value };
  }
  return insns;
}

/**
 * A program that Linux takes. It ends by folding A into so few bits that the length of a packet that is let through shows
 * them; returns on the way give A as it is.
 */
export function classicProgram(random: Random, facts: Facts): ClassicInstruction[] {
  const length = 1 + random.below(random.oneIn(6) ? 80 : 14);
  const fold = foldA(random);
  const insns: ClassicInstruction[] = [];
  for (let i = 0; i < length;) {
    if (facts.includes(AD.NLATTR) && random.oneIn(8)) insns.push(...findAttribute(random));
    const forms = random.oneIn(25) ? RETURNS : BODY;
    const one = instruction(random.pick(forms), random, length - i - 1 + fold.length, facts);
    if (comparesConstant(one) && random.oneIn(3))
      insns.push({ code: 0x00, jt: 0, jf: 0, k: (one.k + random.below(3) - 1) >>> 0 });
    insns.push(one);
    // Scratch words that would be read unwritten are left alone.
    if (checkClassic([...insns, ...Array.from({ length: 255 }, () => fold[fold.length - 1])])) insns.pop();
    else i++;
  }
  return [...insns, ...fold];
}

/** For such, A is now and then made one less, equal, or one more. */
const comparesConstant = ({ code }: ClassicInstruction): boolean => (code & 0x0f) === 0x05 && code !== 0x05;

/** X is a type and A an offset that packets of attributes have. */
const findAttribute = (random: Random): ClassicInstruction[] => [
  { code: 0x01, jt: 0, jf: 0, k: random.below(4) },
  { code: 0x00, jt: 0, jf: 0, k: 4 * random.below(10) },
  { code: 0x20, jt: 0, jf: 0, k: (AD_OFF + random.pick(NETLINK_FACTS)) >>> 0 },
  ...(random.oneIn(3) ? [{ code: 0x16, jt: 0, jf: 0, k: 0 }] : []),
];

const foldA = (random: Random): ClassicInstruction[] => [
  { code: 0x74, jt: 0, jf: 0, k: random.oneIn(2) ? 0 : random.below(32) },
  { code: 0x54, jt: 0, jf: 0, k: 0x1f },
  { code: 0x04, jt: 0, jf: 0, k: 1 },
  { code: 0x16, jt: 0, jf: 0, k: 0 },
];

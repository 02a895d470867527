/**
 * Numbers of the ELF format that BPF objects use. Sources: elf(5), the System V ABI's generic part, and LLVM's
 * documentation of BPF relocations (docs.kernel.org/bpf/llvm_reloc.html).
 */

/** Bytes of the file header, of a section header, of a symbol and of a relocation. */
export const EHDR_SIZE = 64;
export const SHDR_SIZE = 64;
export const SYM_SIZE = 24;
export const REL_SIZE = 16;

export const ET_REL = 1;
export const EM_BPF = 247;

/** Section types. */
export const SHT = { NULL: 0, PROGBITS: 1, SYMTAB: 2, STRTAB: 3, RELA: 4, NOBITS: 8, REL: 9 } as const;
/** Section flags. */
export const SHF = { WRITE: 1, ALLOC: 2, EXECINSTR: 4, COMPRESSED: 0x800 } as const;
/** Section indices with a meaning of their own. */
export const SHN = { UNDEF: 0, LORESERVE: 0xff00, ABS: 0xfff1, COMMON: 0xfff2, XINDEX: 0xffff } as const;
/** Symbol types: low 4 bits of `st_info`. */
export const STT = { NOTYPE: 0, OBJECT: 1, FUNC: 2, SECTION: 3, FILE: 4 } as const;
/** Symbol bindings: high 4 bits of `st_info`. */
export const STB = { LOCAL: 0, GLOBAL: 1, WEAK: 2 } as const;
/** Symbol visibilities: low 2 bits of `st_other`. */
export const STV = { DEFAULT: 0, INTERNAL: 1, HIDDEN: 2, PROTECTED: 3 } as const;

/** Relocation types of EM_BPF: what is patched at the offset. */
export const R_BPF = {
  NONE: 0,
  /** `ld_imm64`: the low halves go to the two slots' immediates. */
  LD64: 1,
  /** 8 bytes of data. */
  ABS64: 2,
  /** 4 bytes of data. */
  ABS32: 3,
  /** 4 bytes of `.BTF` or `.BTF.ext`, ignored by linkers at run time. */
  NODYLD32: 4,
  /** The immediate of a call. */
  CALL32: 10,
} as const;

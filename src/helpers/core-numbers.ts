/** Limits and flags that helpers in JavaScript share with those of the helper core (src/helpers/core/assembly). */

/**
 * The frame of an XDP program: one page with 256 bytes before the data, as Linux's test run makes it. In bytes; measured there.
 */
export const XDP = {
  /** Least bytes of a frame. @kernel ETH_HLEN */
  ETH_HLEN: 14,
  /** That the frame and its metadata may grow to the front: 256 less what Linux keeps there. */
  HEADROOM: 256 - 40,
  /** A page less headroom and `struct skb_shared_info`: where the frame must end, counted from where it began. */
  FRAME_END: 4096 - 256 - 320,
  MAX_META: 255,
} as const;

/** Bits of `flags`. @kernel BPF_F_HDR_FIELD_MASK, BPF_F_PSEUDO_HDR, BPF_F_MARK_MANGLED_0, BPF_F_MARK_ENFORCE, BPF_F_IPV6 */
export const CSUM_FLAG = { SIZE: 0xf, PSEUDO_HDR: 0x10, MANGLED_0: 0x20, ENFORCE: 0x40, IPV6: 0x80 } as const;

export const CSUM = {
  /** All bits of CSUM_FLAG. */
  FLAGS: CSUM_FLAG.SIZE | CSUM_FLAG.PSEUDO_HDR | CSUM_FLAG.MANGLED_0 | CSUM_FLAG.ENFORCE | CSUM_FLAG.IPV6,
  /** Of the checksum, in bytes; it is even. */
  MAX_OFFSET: 0xffff,
  /** What stands for a sum of 0 in UDP. @kernel CSUM_MANGLED_0 */
  MANGLED_0: 0xffff,
} as const;

/** Bits of `flags`. @kernel BPF_F_RECOMPUTE_CSUM, BPF_F_INVALIDATE_HASH */
export const STORE_FLAG = { RECOMPUTE_CSUM: 1, INVALIDATE_HASH: 2 } as const;

/** Helpers that call functions of the program. Numbers as in the uapi header. */

/** `bpf_for_each_map_elem`, which the JIT makes a loop of its own where it knows the map. */
export const FOR_EACH_MAP_ELEM = 164;
/** `bpf_loop`, which the JIT makes a loop of its own. */
export const LOOP = 181;
/** Most rounds of `bpf_loop`. @kernel BPF_MAX_LOOPS */
export const MAX_LOOPS = 8 * 1024 * 1024;

/** bpf_for_each_map_elem, bpf_find_vma, bpf_loop, bpf_user_ringbuf_drain. */
export const CALLING_HELPERS: ReadonlySet<number> = new Set([FOR_EACH_MAP_ELEM, 180, LOOP, 209]);

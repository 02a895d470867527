/**
 * The numbers of the patch set of July 2014, under the names that it gave them. They never became a kernel's interface: the
 * order is that of the patch set, which deleted maps and unloaded programs by command since nothing was a descriptor yet.
 */

/** `bpf(BPF_MAP_CREATE, map_id, map_type, nlattr, len)`: the map's id, or -errno. */
export const BPF_MAP_CREATE = 0;
/** `bpf(BPF_MAP_DELETE, map_id)`. */
export const BPF_MAP_DELETE = 1;
/** `bpf(BPF_MAP_LOOKUP_ELEM, map_id, key, value)`: fills `value`. */
export const BPF_MAP_LOOKUP_ELEM = 2;
/** `bpf(BPF_MAP_UPDATE_ELEM, map_id, key, value)`: makes the element, or replaces it. */
export const BPF_MAP_UPDATE_ELEM = 3;
/** `bpf(BPF_MAP_DELETE_ELEM, map_id, key)`. */
export const BPF_MAP_DELETE_ELEM = 4;
/** `bpf(BPF_MAP_GET_NEXT_KEY, map_id, key, next_key)`: fills `next_key`. */
export const BPF_MAP_GET_NEXT_KEY = 5;
/** `bpf(BPF_PROG_LOAD, prog_id, prog_type, nlattr, len)`: the program's id, or -errno. */
export const BPF_PROG_LOAD = 6;
/** `bpf(BPF_PROG_UNLOAD, prog_id)`. */
export const BPF_PROG_UNLOAD = 7;

/** For no place yet: verified again where it is attached. */
export const BPF_PROG_TYPE_UNSPEC = 0;
export const BPF_PROG_TYPE_SOCKET_FILTER = 1;
export const BPF_PROG_TYPE_TRACING_FILTER = 2;

export const BPF_MAP_TYPE_UNSPEC = 0;
/** The one type of map that there is. */
export const BPF_MAP_TYPE_HASH = 1;

/** Attribute of a program: its instructions, 8 bytes each. */
export const BPF_PROG_TEXT = 1;
/** Attribute of a program: its licence, a text. */
export const BPF_PROG_LICENSE = 2;

/** Attributes of a map: 32 bits each. */
export const BPF_MAP_KEY_SIZE = 1;
export const BPF_MAP_VALUE_SIZE = 2;
export const BPF_MAP_MAX_ENTRIES = 3;

export const SOL_SOCKET = 1;
/** The option whose value is the id of a program. Its number is that of SO_ATTACH_BPF, which came in its place. */
export const SO_ATTACH_FILTER_EBPF = 50;
/** The option whose value is classic BPF, which is translated. */
export const SO_ATTACH_FILTER = 26;
export const SO_DETACH_FILTER = 27;
/** From then on nobody changes the filter. */
export const SO_LOCK_FILTER = 44;

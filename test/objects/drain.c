/* Records from user space, and dynptrs of helpers. Each program returns what it found out, or leaves it in `found`. */
#include "bpf.h"

struct bpf_dynptr { __u64 opaque[2]; } __attribute__((aligned(8)));
struct {
  __uint(type, 31);
  __uint(max_entries, 4096);
} from_user SEC(".maps");

static long (*bpf_dynptr_from_mem)(void *data, __u32 size, __u64 flags, struct bpf_dynptr *ptr) = (void *)197;
static long (*bpf_dynptr_read)(void *to, __u32 size, const struct bpf_dynptr *ptr, __u32 offset, __u64 flags) = (void *)201;
static long (*bpf_dynptr_write)(const struct bpf_dynptr *ptr, __u32 offset, void *from, __u32 size, __u64 flags) = (void *)202;
static void *(*bpf_dynptr_data)(const struct bpf_dynptr *ptr, __u32 offset, __u32 size) = (void *)203;
static long (*bpf_user_ringbuf_drain)(void *map, void *callback, void *ctx, __u64 flags) = (void *)209;

__u64 found[8];
__u32 stop = -1;

struct sum {
  __u32 calls, sizes;
};

static long add(struct bpf_dynptr *record, struct sum *sum) {
  __u64 word = 0;
  __u8 byte = 0;
  if (bpf_dynptr_read(&word, 8, record, 0, 0) == 0) found[0] += word;
  else if (bpf_dynptr_read(&byte, 1, record, 0, 0) == 0) found[1] += byte;
  else found[2]++;
  sum->calls++;
  return sum->calls == stop;
}

static long write(struct bpf_dynptr *record, void *ctx) {
  __u32 word = 7;
  found[3] = bpf_dynptr_write(record, 0, &word, 4, 0);
  found[4] = bpf_dynptr_data(record, 0, 4) != 0;
  return 0;
}

SEC("tc") int drain(void *ctx) {
  struct sum sum = {};
  long result = bpf_user_ringbuf_drain(&from_user, add, &sum, 0);
  found[5] = sum.calls;
  return result;
}
SEC("tc") int drain_silently(void *ctx) {
  struct sum sum = {};
  return bpf_user_ringbuf_drain(&from_user, add, &sum, 1);
}
SEC("tc") int drain_flags(void *ctx) {
  struct sum sum = {};
  return bpf_user_ringbuf_drain(&from_user, add, &sum, 4);
}
SEC("tc") int write_records(void *ctx) { return bpf_user_ringbuf_drain(&from_user, write, 0, 0); }

__u8 memory[32];

SEC("tc") int of_memory(void *ctx) {
  struct bpf_dynptr ptr;
  __u32 word = 0x04030201;
  long made = bpf_dynptr_from_mem(memory, 32, 0, &ptr);
  found[0] = made;
  found[1] = bpf_dynptr_write(&ptr, 28, &word, 4, 0);
  found[2] = bpf_dynptr_write(&ptr, 29, &word, 4, 0);
  found[3] = bpf_dynptr_write(&ptr, 0, &word, 4, 1);
  word = 0;
  found[4] = bpf_dynptr_read(&word, 4, &ptr, 28, 0);
  found[5] = word;
  found[6] = bpf_dynptr_read(&word, 4, &ptr, 0xffffffff, 0);
  __u8 *data = bpf_dynptr_data(&ptr, 8, 8);
  found[7] = data != 0;
  if (data) data[7] = 99;
  return memory[15];
}
SEC("tc") int of_memory_flags(void *ctx) {
  struct bpf_dynptr ptr;
  __u32 word = 1;
  long made = bpf_dynptr_from_mem(memory, 32, 1, &ptr);
  found[0] = bpf_dynptr_write(&ptr, 0, &word, 4, 0);
  found[1] = bpf_dynptr_data(&ptr, 0, 1) != 0;
  found[2] = bpf_dynptr_read(&word, 4, &ptr, 0, 0);
  return made;
}
SEC("tc") int beyond_its_end(void *ctx) {
  struct bpf_dynptr ptr;
  bpf_dynptr_from_mem(memory, 16, 0, &ptr);
  found[0] = bpf_dynptr_data(&ptr, 0, 16) != 0;
  found[1] = bpf_dynptr_data(&ptr, 1, 16) != 0;
  found[2] = bpf_dynptr_data(&ptr, 16, 1) != 0;
  return 0;
}


// Programs on tracepoints of an application: counts by country, totals of raw events, ticks.
#include <linux/bpf.h>
#include <linux/bpf_perf_event.h>
#include <bpf/bpf_helpers.h>

struct shop_order {
  __u64 common;
  __u64 id;
  __u32 total;
  char country[2];
};

struct tally {
  __u64 orders;
  __u64 total;
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 16);
  __type(key, char[2]);
  __type(value, struct tally);
} by_country SEC(".maps");

__u64 raw_total;
char last_country[4];
__u64 ticks;
__u64 period;

SEC("tracepoint/shop/order")
int count(struct shop_order *order)
{
  char key[2] = { order->country[0], order->country[1] };
  struct tally one = { 1, order->total };
  struct tally *tally = bpf_map_lookup_elem(&by_country, key);
  if (!tally)
    return bpf_map_update_elem(&by_country, key, &one, BPF_ANY);
  tally->orders++;
  tally->total += order->total;
  return 0;
}

SEC("raw_tp/order")
int sum(struct bpf_raw_tracepoint_args *args)
{
  raw_total += args->args[1];
  bpf_probe_read_kernel_str(last_country, 3, (void *)args->args[2]);
  return 0;
}

SEC("tp/shop/order")
int say(struct shop_order *order)
{
  if (order->total > 1000)
    bpf_printk("order %llu of %u", order->id, order->total);
  return 0;
}

SEC("perf_event")
int tick(struct bpf_perf_event_data *event)
{
  ticks++;
  period = event->sample_period;
  return 0;
}

SEC("socket")
int not_tracing(struct __sk_buff *packet)
{
  return 0;
}

char LICENSE[] SEC("license") = "GPL";

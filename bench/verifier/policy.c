/*
 * For bench/verifier.mjs: one tc program that asks a table of rules, as a firewall does: map look-ups with their null
 * checks, values kept in spilled registers, static functions called from many places, a hash over the key.
 */
#define HASH_MAP
#include "../common.h"

struct sk_buff { u32 len, pkt_type, mark, queue, protocol, vlan[2], vlan_proto, priority, ifindex[2], index, cb[5], hash, classid, data, data_end; };
struct rule { u32 src, src_mask, dst, dst_mask; u16 low, high; u8 proto, action, log, next; u64 hits; };
struct {
  __uint(type, 2);
  __uint(max_entries, 256);
  __type(key, u32);
  __type(value, struct rule);
} rules SEC(".maps");
struct {
  __uint(type, 6);
  __uint(max_entries, 64);
  __type(key, u32);
  __type(value, struct fval);
} stats SEC(".maps");

static __attribute__((noinline)) int matches(struct rule *rule, struct fkey *key) {
  if (!rule) return 0;
  if ((key->src & rule->src_mask) != rule->src) return 0;
  if ((key->dst & rule->dst_mask) != rule->dst) return 0;
  if (rule->proto && rule->proto != key->proto) return 0;
  return key->dport >= rule->low && key->dport <= rule->high;
}

static __attribute__((noinline)) u32 mix(struct fkey *key) {
  u32 h = key->src * 0x9e3779b1u;
  h ^= h >> 15;
  h += key->dst * 0x85ebca6bu;
  h ^= h << 7 | h >> 25;
  h += key->sport << 16 | key->dport;
  h ^= h >> 13;
  return h * 0xc2b2ae35u + key->proto;
}

static __attribute__((noinline)) void note(u32 index, u32 bytes) {
  struct fval *v = map_lookup(&stats, &index);
  if (!v) return;
  v->packets++;
  v->bytes += bytes;
}

ALWAYS int verdict(struct sk_buff *skb, struct fkey *key) {
  u32 chain = mix(key) & 3;
  int tally = 0;
#pragma unroll
  for (u32 i = 0; i < 16; i++) {
    u32 at = chain * 16 + i;
    struct rule *rule = map_lookup(&rules, &at);
    if (!rule) break;
    if (!matches(rule, key)) continue;
    rule->hits++;
    if (rule->log) note(rule->log & 63, skb->len);
    if (rule->action == 1) return 0;
    if (rule->action == 2) return 2;
    if (rule->action == 3) tally++;
    if (rule->action == 4 && tally > 3) return 2;
    if (rule->next > i) chain = (chain + rule->next) & 3;
  }
  return tally ? 0 : 2;
}

SEC("tc") int policy(struct sk_buff *skb) {
  u8 *data = (u8 *)(long)skb->data, *end = (u8 *)(long)skb->data_end;
  struct fkey key = {};
  if (data + 34 > end) return 0;
  u8 *l4 = data + 14 + (data[14] & 15) * 4;
  key.src = *(u32 *)(data + 26);
  key.dst = *(u32 *)(data + 30);
  key.proto = data[23];
  if (key.proto == 6 || key.proto == 17) {
    if (l4 + 8 > end) return 2;
    key.sport = *(u16 *)l4;
    key.dport = *(u16 *)(l4 + 2);
  }
  struct fval *known = map_lookup(htab, &key);
  if (known) {
    known->packets++;
    if (known->bytes > 1 << 20) skb->mark = 7;
    known->bytes += skb->len;
    return 0;
  }
  int answer = verdict(skb, &key);
  if (answer == 0) {
    struct fval fresh = {1, skb->len};
    map_update(htab, &key, &fresh, 0);
  }
  note(answer & 63, skb->len);
  return answer;
}

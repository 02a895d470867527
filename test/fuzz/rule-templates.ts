/**
 * Programs by rule, as text with choices: `{a|b|c}` is one of them (OR stands for the operator `|`), `[1~9]` a number of
 * the range, `;` a new line. Around them the maps that they use, in the form of test/verifier.
 */

export const MAPS = `
.map h8 hash key=8 value=8 max=4
.map h48 hash key=8 value=48 max=4
.map a48 array key=4 value=48 max=1
.map aro array key=4 value=48 max=1 flags=rdonly_prog
.map awo array key=4 value=48 max=1 flags=wronly_prog
.map pa percpu_array key=4 value=48 max=1
.map rb ringbuf max=4096
.map pr prog_array key=4 value=4 max=4
.map lock array key=4 value=24 max=1 fields=bpf_spin_lock@0,u64@16
`;

/** Looks up a value; `body` runs where it is found, with its address in r0 and the context in r6. */
const withValue = (map: string, body: string): string =>
  `r6 = r1;*(u64 *)(r10 -8) = 0;r2 = r10;r2 += -8;r1 = map[${map}];call 1;if r0 == 0 goto out;${body};out: r0 = 0;exit`;

const NUMBER =
  '{r1 = *(u32 *)(r6 +0)|r1 = *(u64 *)(r0 +0)|r1 = *(u16 *)(r0 +0)|r1 = *(s8 *)(r0 +0)|r1 = *(s32 *)(r0 +0)|r1 = [-2~50]}';

export interface RuleTemplate {
  readonly topic: string;
  readonly type: string;
  readonly text: string;
}

const socketFilter = (topic: string, text: string): RuleTemplate => ({ topic, type: 'socket_filter', text });

export const TEMPLATES: readonly RuleTemplate[] = [
  socketFilter(
    'masked index',
    withValue(
      '{h48|a48|h8|pa}',
      `${NUMBER};{r1 &= [-5~60]|w1 &= [-5~60]|w1 %= 2;w1 %= 3|if r1 s> [-1~12] goto out|if r1 > [0~40] goto out|};r1 <<= {0|1|2};{r0 += r1|r0 -= r1};{*(u64 *)(r0 +[0~9]) = 1|r2 = *(u8 *)(r0 +[-1~47])}`,
    ),
  ),
  socketFilter(
    'mixed signs',
    withValue(
      '{h8|a48}',
      `r3 = r0;${NUMBER};r2 = {-1|0|2|1000};{if r1 {>|<|>=|<=|s>|s<|==} {r2|[-3~4]} goto out|if w1 {>|<|s>|s<} {w2|[-3~4]} goto out};{if r1 {s>|s<|>|<} [-2~9] goto out|};r3 += r1;r4 = *(u8 *)(r3 +0)`,
    ),
  ),
  socketFilter(
    'spills',
    'r6 = r1;call 7;{r0 &= {255|65535|7}|w0 = w0|r0 = [-70000~70000]|r0 = r10|r0 = r6};*(u{64|32|16|8} *)(r10 -{8|16}) = r0;{*(u{32|16|8} *)(r10 -[1~16]) = {0|1|r6|r0}|};r1 = *({u|s}{32|16|8} *)(r10 -{8|4|7|16|12});r2 = *(u64 *)(r10 -{8|16});{r3 = r10;r3 += r1;r0 = *(u8 *)(r3 -8)|r0 = *(u32 *)(r2 +0)|if r2 > [0~9] goto x;r3 = r10;r3 -= r2;r0 = *(u8 *)(r3 -8)};x: r0 = 0;exit',
  ),
  {
    topic: 'packet',
    type: '{sched_cls|cgroup_skb|sk_skb|lwt_xmit|socket_filter}',
    text: 'r6 = r1;r2 = *(u32 *)(r6 +76);r3 = *(u32 *)(r6 +80);r0 = r2;{r0 += [0~70000]|r5 = *(u32 *)(r6 +0);{r5 &= {255|65535}|if r5 > {100|65535} goto l};r0 += r5;r2 = r0;r0 += [1~8]};{if r0 {>|>=|<|<=|==|!=} r3 goto l|if r3 {>|>=|<|<=} r0 goto l};{r1 = *(u{8|32|64} *)(r2 +[0~8])|*(u8 *)(r2 +0) = 1|r1 = r6;r2 = 0;call bpf_skb_pull_data;r1 = *(u8 *)(r2 +0)};l: {r0 = *(u8 *)(r2 +0)|r0 = 0};exit',
  },
  {
    topic: 'ring buffer',
    type: '{tracepoint|xdp|socket_filter|sched_cls|kprobe}',
    text: 'r6 = r1;r1 = map[{rb|rb|a48}];r2 = {8|16|0|4096|[1~100]};r3 = {0|1};call bpf_ringbuf_reserve;r7 = r0;{if r0 == 0 goto o|if r0 != 0 goto o};{*(u64 *)(r0 +[0~16]) = 1|*(u64 *)(r0 +0) = r6|r0 += 8|};{r1 = r7|r1 = r0};r2 = {0|1|r6};call bpf_ringbuf_{submit|discard|output};{r1 = *(u8 *)(r7 +0);|}o: r0 = 0;exit',
  },
  socketFilter(
    'locks',
    withValue(
      '{lock|h48}',
      'r7 = r0;r1 = r0;{r1 += 4;|}call bpf_spin_lock;{r2 = *(u32 *)(r7 +{0|4|16})|*(u64 *)(r7 +16) = 1|call 7|if r2 == 0 goto out|exit|};r1 = r7;{call bpf_spin_unlock;|call bpf_spin_lock;|}r0 = 0',
    ),
  ),
  socketFilter(
    'atomics',
    'r1 = 1;r0 = 0;*(u64 *)(r10 -8) = {0|5};r2 = r10;r2 += {-8|-12|-16|-4};{lock *(u{64|32} *)(r2 +{0|4|-8}) {+=|&=|OR=|^=} r1|r1 = atomic64_fetch_add((u64 *)(r2 +{0|4}), r1)|r0 = atomic64_cmpxchg((u64 *)(r2 +{0|4}), r0, r1)|r1 = load_acquire((u{64|32|16|8} *)(r2 +{0|1|4}))|store_release((u{64|32|16|8} *)(r2 +{0|1|4}), r1)};{r3 = r10;r3 += r1;*(u8 *)(r3 -8) = 0|r0 = *(u64 *)(r10 -{8|16})};r0 = 0;exit',
  ),
  socketFilter(
    'pointer arithmetic of unprivileged callers',
    'r1 = *(u32 *)(r1 +0);*(u64 *)(r10 -8) = 0;if r1 {==|>} [0~2] goto a;r1 = map[{a48|h48}];goto c;a: r1 = map[{a48|h48|h8}];c: r2 = r10;r2 += -8;call 1;if r0 == 0 goto o;r1 = {1|5|-1|[0~50]};{r1 = *(u8 *)(r0 +0);{r1 &= {7|15}|if r1 > 20 goto o|r1 = -r1}|};{r0 += r1|r0 -= r1|r1 += r0;r0 = r1|r2 = r0;r2 += r1;r0 = r2};r3 = *(u8 *)(r0 +0);o: r0 = 1;exit',
  ),
  {
    topic: 'helpers of a type',
    type: '{sched_cls|xdp|kprobe|tracepoint|sock_ops|sk_msg|cgroup_sysctl|cgroup_device|sk_reuseport|perf_event|sk_lookup}',
    text: 'r1 = {0|r1|r10};r2 = 0;r3 = 0;r4 = 0;r5 = 0;call [1~211];r0 = {0|1};exit',
  },
];

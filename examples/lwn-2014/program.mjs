/**
 * The program: counts each packet in the element of map 1 that its IP protocol names, if there is one. Understood are one VLAN
 * tag (a packet socket takes off the outermost one before), IPv4, and IPv6 with up to eight extension headers (RFC 8200): the
 * system of 2014 has no loops, so they are written out. A packet that ends too early, and one that is not IP, is not counted.
 *
 * Maps are named by their ids, here in r1 before the call, as the patch set's own examples did.
 */
const MAX_EXTENSIONS = 8;

/** One extension header: its type is in r8, it begins at r7; afterwards the next one's. */
const extension = (n) => `
  if r8 == 44 goto fragment${n}
  if r8 == 51 goto authentication${n}
  if r8 == 0 goto options${n}                 ; hop by hop
  if r8 == 43 goto options${n}                ; routing
  if r8 == 60 goto options${n}                ; destination
  if r8 == 135 goto options${n}               ; mobility
  goto count
fragment${n}:
  r0 = *(u16 *)skb[r7 + 2]
  r0 >>= 3
  r9 = 8
  if r0 == 0 goto next${n}
  r0 = *(u8 *)skb[r7 + 0]                     ; what follows is in the first fragment only
  r8 = r0
  goto count
authentication${n}:
  r0 = *(u8 *)skb[r7 + 1]
  r9 = r0
  r9 += 2
  r9 <<= 2
  goto next${n}
options${n}:
  r0 = *(u8 *)skb[r7 + 1]
  r9 = r0
  r9 += 1
  r9 <<= 3
next${n}:
  r0 = *(u8 *)skb[r7 + 0]
  r8 = r0
  r7 += r9
`;

export const program = `
  r6 = r1                                     ; packet loads want the context in r6
  r7 = 14                                     ; where the network header begins
  r0 = *(u16 *)skb[12]
  if r0 == 0x8100 goto tag
  if r0 != 0x88a8 goto untagged
tag:
  r7 = 18
  r0 = *(u16 *)skb[16]
untagged:
  if r0 == 0x0800 goto ipv4
  if r0 == 0x86dd goto ipv6
  goto out
ipv4:
  r0 = *(u8 *)skb[r7 + 9]
  r8 = r0
  goto count
ipv6:
  r0 = *(u8 *)skb[r7 + 6]
  r8 = r0
  r7 += 40
${Array.from({ length: MAX_EXTENSIONS }, (_, n) => extension(n)).join('')}
count:
  *(u32 *)(r10 -4) = r8                       ; the key
  r2 = r10
  r2 += -4
  r1 = 1                                      ; the map's id
  call bpf_map_lookup_elem
  if r0 == 0 goto out
  r1 = 1
  lock *(u64 *)(r0 +0) += r1
out:
  r0 = 0                                      ; the socket itself gets nothing
  exit
`;

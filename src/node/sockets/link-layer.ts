/** Numbers of the link layer; <linux/if_ether.h>, <linux/if_arp.h>, <linux/if_packet.h>. */

/** Bytes of an Ethernet header. @kernel ETH_HLEN */
export const ETH_HLEN = 14;

/** Ether types, in host order. @kernel ETH_P_* */
export const ETH_P = {
  ETHERNET_802_3: 1,
  ALL: 3,
  ETHERNET_802_2: 4,
  IP: 0x0800,
  VLAN: 0x8100,
  IPV6: 0x86dd,
  QINQ: 0x88a8,
} as const;

/** Device types. @kernel ARPHRD_* */
export const ARPHRD = { ETHER: 1, PPP: 512, LOOPBACK: 772, IEEE80211: 801, NONE: 65534 } as const;

/** Whom a packet is for: us, all, a group, somebody else; or it goes out. @kernel PACKET_* */
export const PACKET_TYPE = { HOST: 0, BROADCAST: 1, MULTICAST: 2, OTHERHOST: 3, OUTGOING: 4 } as const;

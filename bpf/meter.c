/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The meter: who used what, in the bytes that the carrier bills.
 *
 *                 client                          router                          carrier
 *   up      -> [lan_ingress] names the sender -> routing, NAT  -> [wan_egress] by that, learns the flow ->
 *   down    <- [lan_egress] looks again          routing, NAT  <- [wan_ingress] by the flow                 <-
 *                                       behind the queue of the uplink, before its driver: [wan_tap] counts what leaves
 *   VPN     the same two, as tunnel_egress and tunnel_ingress, on the interface of a tunnel of the router (tunnel.h)
 *   CLAT    translator_egress and translator_ingress, on the interface of a translator of the router (translator.h)
 *
 * Every hook returns TC_ACT_UNSPEC, so that filters after ours still run, or TC_ACT_SHOT to drop a packet (R6).
 * esimshaper/edge/bpf/compiler.py compiles this file by bcc, and defines the sizes, the bits of the mark, and PART: which of
 * the programs, as a set of bits, so that several processors can compile at the same time.
 */
#include "at_lan.h"
#include "at_server.h"
#include "at_translator.h"
#include "at_tunnel.h"
#include "at_wan.h"
#include "rename.h"

#if PART & 1
int wan_egress_ethernet(struct __sk_buff *skb)
{
	return wan_egress(skb, (struct link){ .l2 = 14 });
}

int wan_egress_raw(struct __sk_buff *skb)
{
	return wan_egress(skb, (struct link){ .l2 = 0 });
}

int wan_ingress_ethernet(struct __sk_buff *skb)
{
	return wan_ingress(skb, (struct link){ .l2 = 14 });
}

int wan_ingress_raw(struct __sk_buff *skb)
{
	return wan_ingress(skb, (struct link){ .l2 = 0 });
}

/* A socket filter, for any kind of link: the kernel shows it the packet from its IP header on. It keeps none. */
int wan_tap(struct __sk_buff *skb)
{
	if (skb->pkt_type == PACKET_OUTGOING)
		count_sent(skb);
	return 0;
}

int lan_ingress_ethernet(struct __sk_buff *skb)
{
	return lan_ingress_by_mac(skb);
}

int lan_ingress_raw(struct __sk_buff *skb)
{
	return lan_ingress_by_address(skb);
}

int lan_egress_ethernet(struct __sk_buff *skb)
{
	return lan_egress_by_mac(skb);
}

int lan_egress_raw(struct __sk_buff *skb)
{
	return lan_egress_by_address(skb);
}

#endif

#if PART & 2
int tunnel_egress_ethernet(struct __sk_buff *skb)
{
	return tunnel_egress(skb, (struct link){ .l2 = 14 });
}

int tunnel_egress_raw(struct __sk_buff *skb)
{
	return tunnel_egress(skb, (struct link){ .l2 = 0 });
}

int tunnel_ingress_ethernet(struct __sk_buff *skb)
{
	return tunnel_ingress(skb, (struct link){ .l2 = 14 });
}

int tunnel_ingress_raw(struct __sk_buff *skb)
{
	return tunnel_ingress(skb, (struct link){ .l2 = 0 });
}

int server_ingress_ethernet(struct __sk_buff *skb)
{
	return server_ingress(skb, (struct link){ .l2 = 14 });
}

int server_ingress_raw(struct __sk_buff *skb)
{
	return server_ingress(skb, (struct link){ .l2 = 0 });
}

int server_egress_ethernet(struct __sk_buff *skb)
{
	return server_egress(skb, (struct link){ .l2 = 14 });
}

int server_egress_raw(struct __sk_buff *skb)
{
	return server_egress(skb, (struct link){ .l2 = 0 });
}

int translator_egress_ethernet(struct __sk_buff *skb)
{
	return translator_egress(skb);
}

int translator_egress_raw(struct __sk_buff *skb)
{
	return translator_egress(skb);
}

int translator_ingress_ethernet(struct __sk_buff *skb)
{
	return translator_ingress(skb);
}

int translator_ingress_raw(struct __sk_buff *skb)
{
	return translator_ingress(skb);
}

#if NAMES
/* At no hook: user space runs it on a list of flows (rename.h). */
int name_flows(struct __sk_buff *skb)
{
	return name_all(skb);
}
#endif
#endif

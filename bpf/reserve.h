/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What passes in spite of a block, so that no limit cuts the router off from what ends the block.
 *
 *   the link    DHCP, router and neighbour discovery of the router itself      whatever was used
 *   the clock   NTP and DNS of the router itself                               to the end of the reserve
 *   listed      addresses that the owner lists; tunnels of the router          to the first half of the reserve, and
 *                                                                              a device to a quarter of that half
 *
 * Only a packet that a limit blocks gets here, so other packets pay nothing for it. What passes is counted as any other.
 */
#pragma once

#include "attribution.h"
#include "limits.h"

enum upkeep { NO_UPKEEP = 0, UPKEEP_OF_LINK, UPKEEP_OF_CLOCK, UPKEEP_LISTED };

#define PORT_DNS 53
#define PORT_DHCP_SERVER 67
#define PORT_DHCP_CLIENT 68
#define PORT_NTP 123
#define PORT_DHCPV6_CLIENT 546
#define PORT_DHCPV6_SERVER 547
#define PORT_DNS_TLS 853 /* RFC 7858 */
#define PORT_NTS 4460 /* keys of network time, RFC 8915 */
#define ND_FIRST 133 /* router solicitation to redirect, RFC 4861 */
#define ND_LAST 137
#define ND_HOPS 255 /* of each of them: so none has passed a router */

#define SHARE_OF_A_DEVICE 4 /* one in so many of the half that is for listed addresses */

/* 0 if the numbers are the same. The processor of BPF has no comparison but a jump, and the verifier walks what follows
 * once for each way of it; so alternatives are multiplied here, conditions are joined by |, and there is one jump. */
ALWAYS_INLINE u64 differ(u64 one, u64 other)
{
	return one ^ other;
}

/* Whether the packet keeps up the link to the next hop: it has come from there, or ends there. */
ALWAYS_INLINE int is_for_link(struct __sk_buff *skb, const struct packet *packet, int is_near)
{
	u64 local = bpf_ntohs(packet->key.local_port), remote = bpf_ntohs(packet->key.remote_port);
	u64 dhcp = differ(packet->family, 4) | differ(local, PORT_DHCP_CLIENT) | differ(remote, PORT_DHCP_SERVER);
	u64 dhcp6 = differ(packet->family, 6) | differ(local, PORT_DHCPV6_CLIENT) |
		    differ(remote, PORT_DHCPV6_SERVER) | differ(is_near, 1);
	u64 udp = differ(packet->protocol, IP_PROTOCOL_UDP) | (dhcp * dhcp6);
	u8 hops = 0, type = 0;

	load(skb, packet->network + 7, &hops, 1);
	load(skb, packet->transport, &type, 1);
	return !(udp * (differ(packet->protocol, IP_PROTOCOL_ICMPV6) | differ(hops, ND_HOPS) |
			((u8)(type - ND_FIRST) / (ND_LAST - ND_FIRST + 1))));
}

/* Whether an upload of the router asks for the time, or for a name. */
ALWAYS_INLINE int is_for_clock(const struct packet *packet)
{
	u64 remote = bpf_ntohs(packet->key.remote_port);
	u64 udp = differ(packet->protocol, IP_PROTOCOL_UDP), tcp = differ(packet->protocol, IP_PROTOCOL_TCP);
	u64 names = (udp * tcp) | (differ(remote, PORT_DNS) * differ(remote, PORT_DNS_TLS));

	return !((udp | differ(remote, PORT_NTP)) * (tcp | differ(remote, PORT_NTS)) * names);
}

/* Whether the owner has listed the far end. */
ALWAYS_INLINE int is_listed(const struct packet *packet)
{
	struct network network = { .length = 128 };

	__builtin_memcpy(network.address, packet->key.remote, 16);
	return reachable.lookup(&network) != 0;
}

/* Adds to `taken` what fits below `until`. Returns whether it did; on two CPUs the second finds what the first added. */
ALWAYS_INLINE int take(u64 *taken, u64 bytes, u64 until)
{
	if (__sync_fetch_and_add(taken, bytes) + bytes <= until)
		return 1;
	__sync_fetch_and_sub(taken, bytes);
	return 0;
}

/* Whose share of something is used: devices that are not listed have one together, so new addresses bring no other. */
ALWAYS_INLINE u32 sharer(u32 number)
{
	const struct policy *policy = policies.lookup(&number);

	return policy && (policy->flags & POLICY_UNLISTED) ? ACCOUNT_OTHERS : number;
}

/* Takes bytes off the reserve. Returns whether there was enough of it, and of the share of a device. */
ALWAYS_INLINE u32 take_from_reserve(struct __sk_buff *skb, const struct reserve *of, u32 account, u32 upkeep, u64 bytes)
{
	u32 all = ACCOUNT_EVERYONE, hidden = hide_range(skb, account), number = hide_range(skb, sharer(hidden));
	u64 until = upkeep == UPKEEP_LISTED ? of->listed_until : of->until;
	struct leeway *total = leeway.lookup(&all), *own = leeway.lookup(&number);
	u64 share = (of->until - of->listed_until) / SHARE_OF_A_DEVICE;

	if (!total || !own)
		return 0;
	/* The router has all of it, and a device its share. With another end, another window has begun. */
	if (hidden < ACCOUNT_FIRST_CLIENT || hidden >= ACCOUNTS)
		return take(&total->taken, bytes, until);
	if (own->taken_until != of->until) {
		own->taken_until = of->until;
		own->taken = 0;
	}
	if (!take(&own->taken, bytes, share))
		return 0;
	if (take(&total->taken, bytes, until))
		return 1;
	__sync_fetch_and_sub(&own->taken, bytes);
	return 0;
}

/* What a blocked upload is for. */
ALWAYS_INLINE u32 upkeep_of_upload(struct __sk_buff *skb, const struct packet *packet, u32 account, u32 tag)
{
	if (account == ACCOUNT_ROUTER && is_for_link(skb, packet, 1))
		return UPKEEP_OF_LINK;
	if (account == ACCOUNT_ROUTER && is_for_clock(packet))
		return UPKEEP_OF_CLOCK;
	if (account != ACCOUNT_TUNNELS && (account == ACCOUNT_UNATTRIBUTED || !is_listed(packet)))
		return NO_UPKEEP;
	/* In scopes, its verdict says it, and of limits by service its tag. */
	if (is_blocked_low() || (tag & TAG_BLOCKED))
		return NO_UPKEEP;
	return is_blocked_below_everyone(account, ON_UP, 0, (struct at_uplink){}) ? NO_UPKEEP : UPKEEP_LISTED;
}

/* Whether all headers of a packet are there, and it is one that can be upkeep. */
ALWAYS_INLINE int has_upkeep(const struct packet *packet, enum headers headers)
{
	return !(differ(headers, HEADERS_WHOLE) | packet->fragment | packet->icmp_error);
}

/* Returns why a blocked upload passes all the same, NO_UPKEEP if it does not. */
ALWAYS_INLINE u32 spare_upload(struct __sk_buff *skb, const struct packet *packet, enum headers headers, u32 account,
			       struct size size, enum vantage vantage, u32 tag)
{
	u32 only = 0, upkeep;
	const struct reserve *of = reserve.lookup(&only);

	if (!of || !has_upkeep(packet, headers))
		return NO_UPKEEP;
	upkeep = hide_range(skb, upkeep_of_upload(skb, packet, account, tag));
	if (upkeep == NO_UPKEEP)
		return NO_UPKEEP;
	/* Inside a tunnel nothing is taken: its own packet is, on the WAN. */
	if (upkeep != UPKEEP_OF_LINK && vantage == ON_WAN &&
	    !take_from_reserve(skb, of, account, upkeep, size.bytes))
		return NO_UPKEEP;
	count(REASON_SPARED, size);
	return upkeep;
}

/* Returns whether a blocked download passes all the same: it was billed, and answers what was spared. */
ALWAYS_INLINE int is_spared_download(struct __sk_buff *skb, struct packet *packet, enum headers headers, u32 account,
				     struct size size, enum vantage vantage, u32 tag)
{
	u32 only = 0, all = ACCOUNT_EVERYONE, upkeep;
	const struct reserve *of = reserve.lookup(&only);
	const struct leeway *total = leeway.lookup(&all);
	const struct flow *flow;

	if (!of || !total || !has_upkeep(packet, headers))
		return 0;
	/* Whatever is for a device is looked at once more where it leaves for the LAN. */
	if (!(differ(account, ACCOUNT_ROUTER) * differ(account, ACCOUNT_UNATTRIBUTED)) &&
	    is_for_link(skb, packet, is_for_router(packet)))
		goto spared;
	flow = flows.lookup(&packet->key);
	upkeep = hide_range(skb, flow && flow->account == account ? flow->upkeep : NO_UPKEEP);
	if (upkeep == NO_UPKEEP)
		return 0;
	/* What a tunnel brings is judged again inside it. A far end that floods the tunnel takes nothing from the reserve
	 * by that; but without a reserve the tunnel is shut. */
	if (account == ACCOUNT_TUNNELS) {
		if (total->taken >= of->listed_until)
			return 0;
		goto spared;
	}
	if (upkeep == UPKEEP_LISTED && (is_blocked_low() || (tag & TAG_BLOCKED) ||
					is_blocked_below_everyone(account, ON_DOWN, 0, (struct at_uplink){})))
		return 0;
	if (vantage == ON_WAN && !take_from_reserve(skb, of, account, upkeep, size.bytes))
		return 0;
spared:
	count(REASON_SPARED, size);
	return 1;
}

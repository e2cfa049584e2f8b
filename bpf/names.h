/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DNS of the router for a device that is blocked or throttled: names, and no way out.
 *
 *   device -- question --> [lan_ingress] --> DNS of the router --> carrier, as the router's own
 *   device <-- answer ---- [lan_egress]  <--
 *
 * The router asks outside in its own name, so no limit of the device is in the way there; and names and answers can carry
 * anything. So here, both ways, a blocked device has NAMES_BURST bytes and then a trickle, which is enough to find a page
 * where it can buy more; a throttled one has its rate.
 */
#pragma once

#include "heads.h"
#include "limits.h"
#include "reserve.h"

#define NAMES_BURST 32768
#define NAMES_NS_PER_BYTE 125000000ULL /* 8 bytes a second: so no more than 64 KB in an hour, with the burst */
#define NAMES_ALL_BURST (4 * NAMES_BURST) /* of all devices together while everyone is blocked */
#define NAMES_ALL_NS_PER_BYTE 2000000000ULL /* half a byte a second: 1.3 MB a month, out of the reserve */

/* The head of an IPv4 packet without options. */
struct plain4 {
	__u8 version_ihl, tos;
	__be16 length, id, fragment;
	__u8 ttl, protocol;
	__u8 rest[10];
	__be16 source, destination;
};
_Static_assert(sizeof(struct plain4) == 20 + 4, "struct plain4");

ALWAYS_INLINE int is_names_port(__be16 port)
{
	return port == bpf_htons(PORT_DNS) || port == bpf_htons(PORT_DNS_TLS);
}

/* Whether a packet could be for DNS: a glance that costs uploads one load, and does not follow options. */
ALWAYS_INLINE int may_be_for_names(struct __sk_buff *skb)
{
	struct plain4 ip;

	if (skb->protocol == bpf_htons(ETHERTYPE_IPV4)) {
		if (load(skb, 0, &ip, sizeof(ip)) < 0)
			return 0;
		return ip.version_ihl != 0x45 || is_names_port(ip.destination);
	}
	if (skb->protocol == bpf_htons(ETHERTYPE_IPV6)) {
		__be16 ports[2];
		__u8 next;

		if (load(skb, 6, &next, 1) < 0 || load(skb, 40, ports, sizeof(ports)) < 0)
			return 0;
		return (next != IP_PROTOCOL_TCP && next != IP_PROTOCOL_UDP) || is_names_port(ports[1]);
	}
	return skb->protocol == bpf_htons(ETHERTYPE_VLAN) || skb->protocol == bpf_htons(ETHERTYPE_QINQ);
}

/* GCRA, as in police(): whether `cost` in ns comes no more than `burst` ahead of its time. `is_paid`: what does not is
 * added all the same. */
ALWAYS_INLINE int conforms(u32 number, u64 cost, u64 burst, int is_paid)
{
	struct leeway *state = leeway.lookup(&number);
	u64 now = bpf_ktime_get_ns();
	int fits;

	if (!state)
		return 1;
	if (state->names_due < now)
		state->names_due = now;
	fits = state->names_due + cost <= now + burst;
	if (fits || is_paid)
		__sync_fetch_and_add(&state->names_due, cost);
	return fits;
}

/* Whether an account is past its throttle limit with `bytes` more. Nothing is added. */
ALWAYS_INLINE int would_throttle(const struct policy *policy, const struct account *account, int on, u64 bytes, u64 is_free)
{
	return account->used[ON_BOTH] + bytes > (policy->throttle_at[ON_BOTH] | is_free) ||
	       account->used[on] + bytes > (policy->throttle_at[on] | is_free);
}

/* What limits say of DNS of a device. */
struct share {
	u32 is_blocked;
	u32 by_everyone; /* also by a limit on everyone */
	u32 is_too_fast; /* it is throttled, and this is beyond its rate */
};

/* Adds to `share` what the limits in the tree that begins at `base` say. */
ALWAYS_INLINE void look_at_share(u32 base, u32 place, int on, u64 bytes, u64 is_free, struct share *share)
{
	u32 exempt = 0;

#pragma unroll
	for (int i = 0; i < HIERARCHY; i++) {
		u32 number = base + place;
		const struct account *of = accounts.lookup(&number);
		const struct policy *policy = policies.lookup(&number);

		if (!of || !policy)
			return;
		exempt |= flags_of(policy) & EXEMPTIONS;
		if (!is_held(exempt, place)) {
			/* Perhaps everyone holds it. */
		} else if (would_block(policy, of, on, bytes, exempt, is_free)) {
			share->is_blocked = 1;
			share->by_everyone |= place == ACCOUNT_EVERYONE || (flags_of(policy) & POLICY_WITH_EVERYONE);
		} else if (policy->police_rate && would_throttle(policy, of, on, bytes, is_free) &&
			   !conforms(place, bytes * 1000000000ULL / policy->police_rate, POLICE_BURST_NS, 0)) {
			share->is_too_fast = 1;
			return;
		}
		place = policy->parent;
		if (!place)
			return;
	}
}

/* Whether DNS of `bytes` is more than the limits of an account leave to it. */
ALWAYS_INLINE int is_beyond_share(struct __sk_buff *skb, u32 account, int on, u64 bytes, struct at_uplink at)
{
	struct share share = {};

#if SCOPES
	for (u32 scope = 0; scope < SCOPES; scope++) {
		if (!(at.compared >> scope & 1))
			continue;
		look_at_share(IN_SCOPE(scope, 0), account, on, bytes, 0, &share);
		share.is_blocked = hide_range(skb, share.is_blocked);
		share.by_everyone = hide_range(skb, share.by_everyone);
		share.is_too_fast = hide_range(skb, share.is_too_fast);
	}
#endif
	look_at_share(0, account, on, bytes, at.is_free, &share);
	if (share.is_too_fast)
		return 1;
	if (!share.is_blocked)
		return 0;
	/* An answer was billed already. One that is too large is a debt of the device: until that is made good, it asks
	 * nothing that would be billed in vain. */
	if (!conforms(sharer(account), bytes * NAMES_NS_PER_BYTE, NAMES_BURST * NAMES_NS_PER_BYTE, on == ON_DOWN))
		return 1;
	return share.by_everyone && !conforms(ACCOUNT_EVERYONE, bytes * NAMES_ALL_NS_PER_BYTE,
					NAMES_ALL_BURST * NAMES_ALL_NS_PER_BYTE, 0);
}

/* Whether the headers of a packet stand too deep to be followed to its ports: behind more tags of VLANs, or more extension
 * headers, than are walked. The kernel walks all of them. */
ALWAYS_INLINE int is_too_deep(u16 type, const struct packet *packet)
{
	if (type == ETHERTYPE_VLAN || type == ETHERTYPE_QINQ)
		return 1;
	return type == ETHERTYPE_IPV6 && packet->fragment != FRAGMENT_LATER && is_extension(packet->protocol);
}

/* Whether a packet between a device and the router is DNS that the device may not have any more. Parts of a datagram say
 * nothing of its length, and no honest question comes in parts, or too deep: of those who have a share, they are
 * refused. */
ALWAYS_INLINE int is_refused_for_names(struct __sk_buff *skb, struct link link, u32 account, enum direction direction)
{
	const int on = direction == UP ? ON_UP : ON_DOWN;
	struct packet packet = {};
	u16 type = ethertype(skb, &packet.network);
	u32 is_ip = type == ETHERTYPE_IPV4 || type == ETHERTYPE_IPV6, is_deep;
	u64 bytes = skb->len;

	if (is_ip && parse_headers(skb, type, direction, &packet) == HEADERS_CUT)
		return 0;
	is_deep = hide_range(skb, is_too_deep(type, &packet));
	if (!is_deep && (!is_ip || !has_ports(packet.protocol) || !is_names_port(packet.key.remote_port)))
		return 0;
	if (is_deep || packet.fragment != FRAGMENT_NONE)
		bytes += NAMES_BURST;
	if (!is_beyond_share(skb, account, on, hide_range(skb, bytes), uplink_of_own(skb, OWN_PACKETS))) {
		if (direction == DOWN)
			show_resolved(skb, link, &packet, account);
		return 0;
	}
	count_frame(REASON_NAMES_REFUSED, skb);
	return 1;
}

/* Whether an upload at the LAN is a question that its device may not ask. */
ALWAYS_INLINE int is_refused_question(struct __sk_buff *skb, u32 account)
{
	return may_be_for_names(skb) && is_refused_for_names(skb, (struct link){}, account, UP);
}

/* Whether a packet to a device, which has not crossed the WAN as it is, is an answer that the device may not have. */
ALWAYS_INLINE int is_refused_answer(struct __sk_buff *skb, struct link link, struct client_key *client)
{
	u32 *known = clients.lookup(client);

	return is_refused_for_names(skb, link, known ? *known : ACCOUNT_OTHERS, DOWN);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Clients in a tunnel of the router: counted and limited where their packets go in and come out.
 *
 * Each packet claims what it should come to on the WAN, and is held against limits with that. What the tunnel drops has
 * claimed too much, what it says for itself nothing: user space puts both right (core/tunnels.py). Included by meter.c.
 */
#pragma once

#define PACE_BURST_NS 250000000ULL

/* A download claims before it is judged: `used` never has what is not claimed yet, from which user space takes this. */
ALWAYS_INLINE void claim(u32 account, enum direction direction, struct size size)
{
	struct tunnelled *claims = tunnelled.lookup(&account);

	if (claims)
		add(&claims->claimed, direction, size);
}

/* Whether the pace of who is throttled lets the packet pass. A queue would need a device of its own for each direction;
 * TCP finds its rate by losses as well. Two CPUs at once may let one packet more pass. */
ALWAYS_INLINE int is_in_pace(const struct verdict *verdict, enum direction direction, u64 bytes)
{
	u32 account = verdict->throttled;
	struct tunnelled *claims = account && verdict->pace ? tunnelled.lookup(&account) : 0;
	u64 now = bpf_ktime_get_ns();
	u64 *until;

	if (!claims)
		return 1;
	until = direction == UP ? &claims->paced_until[UP] : &claims->paced_until[DOWN];
	if (*until < now)
		*until = now;
	if (*until > now + PACE_BURST_NS)
		return 0;
	__sync_fetch_and_add(until, bytes * 1000000000ULL / verdict->pace);
	return 1;
}

/* Nobody's bytes are the router's here: on the WAN they are, and the reasons of `unattributed` speak of the WAN. */
ALWAYS_INLINE u32 known_or_router(u32 account, struct size size)
{
	if (account != ACCOUNT_UNATTRIBUTED)
		return account;
	count(REASON_TUNNEL_UNKNOWN, size.packets, size.bytes);
	return ACCOUNT_ROUTER;
}

ALWAYS_INLINE int tunnel_out(struct __sk_buff *skb, struct link link)
{
	struct packet packet = {};
	struct verdict verdict;
	struct size inside, size;
	u16 type = ip_type(skb, &packet);
	u32 account;
	int parsed;

	if (!type)
		return TC_ACT_UNSPEC;
	parsed = has_headers(skb, type, UP, &packet);
	inside = measure(skb, link, &packet);
	size = wrapped(skb, &packet, inside);
	account = known_or_router(sender(skb, &packet), size);
	verdict = judge(skb, account, UP, size.bytes, IN_TUNNEL);
	if (verdict.level == BLOCKED) {
		if (drops_upload(skb, link, &packet, parsed, &verdict, size, inside))
			return TC_ACT_SHOT;
	} else if (!is_in_pace(&verdict, UP, size.bytes)) {
		refund(&verdict, size.bytes);
		count(REASON_TUNNEL_PACED, size.packets, size.bytes);
		return TC_ACT_SHOT;
	}
	claim(account, UP, size);
	if (parsed && packet.fragment != FRAGMENT_LATER && !packet.icmp_error)
		learn(&packet.key, account, size);
	return TC_ACT_UNSPEC;
}

ALWAYS_INLINE int tunnel_in(struct __sk_buff *skb, struct link link)
{
	struct receiver to = { ACCOUNT_UNATTRIBUTED };
	struct packet packet = {};
	struct verdict verdict;
	struct size size;
	u16 type;
	u32 account;
	int parsed;

	if (is_looped_back(skb))
		return TC_ACT_UNSPEC;
	type = ip_type(skb, &packet);
	if (!type)
		return TC_ACT_UNSPEC;
	parsed = has_headers(skb, type, DOWN, &packet);
	size = wrapped(skb, &packet, measure(skb, link, &packet));
	if (parsed)
		to = receiver(skb, &packet, size);
	account = known_or_router(to.account, size);
	claim(account, DOWN, size);
	verdict = judge(skb, account, DOWN, size.bytes, IN_TUNNEL);
	if (verdict.level == BLOCKED) {
		if (drops_download(skb, link, &packet, parsed, &verdict, size))
			return TC_ACT_SHOT;
	} else if (!is_in_pace(&verdict, DOWN, size.bytes)) {
		count(REASON_TUNNEL_PACED, size.packets, size.bytes);
		return TC_ACT_SHOT;
	}
	return TC_ACT_UNSPEC;
}

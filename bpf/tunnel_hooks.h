/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Clients in a tunnel of the router: counted and limited where their packets go in and come out.
 *
 * Each packet claims what it should come to on the WAN, and is held against limits with that. What the tunnel drops has
 * claimed too much, what it says for itself nothing: user space puts both right (core/meter/tunnels.py). Included by meter.c.
 */
#pragma once

/* A download claims before it is judged: `used` never has what is not claimed yet, from which user space takes this. */
ALWAYS_INLINE void claim(u32 account, enum direction direction, struct size size)
{
	struct tunnelled *claims = tunnelled.lookup(&account);

	if (claims)
		add(&claims->claimed, direction, size);
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
	account = forget(skb, known_or_router(sender(skb, &packet), size));
	verdict = judge(skb, account, UP, size.bytes, IN_TUNNEL);
	if (verdict.level == BLOCKED && drops_upload(skb, link, &packet, parsed, &verdict, size, inside))
		return TC_ACT_SHOT;
	if (outruns(&verdict, UP, size, 0))
		return TC_ACT_SHOT;
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
	if (verdict.level == BLOCKED && drops_download(skb, link, &packet, parsed, &verdict, size))
		return TC_ACT_SHOT;
	if (outruns(&verdict, DOWN, size, 0))
		return TC_ACT_SHOT;
	return TC_ACT_UNSPEC;
}

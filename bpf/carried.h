/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a packet carries of its account through the router: written by one of our hooks, read by a later one.
 *
 *   upload     [lan_ingress] carry_sender()  -> routing, NAT -> [wan_egress]  carried_sender()
 *                                            [wan_egress]  note_counted_upload() -> queue, stacked uplinks
 *   download   [wan_ingress] note_crossing() -> routing, NAT -> [lan_egress]  take_crossing()
 *
 * It stands in skb->tc_index, which no firewall, no routing rule and no tunnel of the kernel reads or writes, and which
 * copies and fragments of a packet keep (ip_copy_metadata, __copy_skb_header, skb_scrub_packet). A filter of tc behind
 * ours at the LAN that ends with `ok` sets it to 0 or to a class of its own (tc_run in net/core/dev.c). Only where the
 * owner asks for it (lan.mark_mask) does the packet mark carry the account of an upload as well.
 *
 * The loader defines MARK_MASK, the bits of the mark that are ours or 0, and MARK_SHIFT.
 */
#pragma once

#include "parse.h"

/* The highest bits tell what stands beside the account; tc's own are numbers of classes, which few choose so high. */
#define TC_INDEX_ACCOUNT 0x0fff
#define TC_INDEX_KIND 0xe000
#define TC_INDEX_SENT 0xa000     /* an upload, at the LAN */
#define TC_INDEX_CROSSED 0x4000  /* a download, at the WAN; the account is the one that was charged */
#define TC_INDEX_FRAGMENT 0x2000 /* beside CROSSED: a fragment; the kernel may put the rest behind it */
#define TC_INDEX_APART 0x1000    /* beside CROSSED: the WAN charged nobody: it is out of a tunnel, for the account that
				  * claims; or not billed, with ACCOUNT_UNATTRIBUTED */
#define TC_INDEX_LEAVES 0xc000   /* an upload, counted at the WAN */
#define TC_INDEX_UNCOMPARED 0x2000 /* beside LEAVES: the tap behind the queue is not to look at it, see sent.h */

/* Writes the account of an upload into tc_index. A number that has no room is left out. */
ALWAYS_INLINE void note_sender(struct __sk_buff *skb, u32 account)
{
	skb->tc_index = account > TC_INDEX_ACCOUNT ? 0 : TC_INDEX_SENT | account;
}

/* Writes the account of an upload, or of the router, where routing and NAT leave it alone. Bits of the mark that are not
 * ours stay. */
ALWAYS_INLINE void carry_sender(struct __sk_buff *skb, u32 account)
{
	note_sender(skb, account);
	if (MARK_MASK) {
		/* volatile: LLVM would narrow the store to the bytes of the mask, which the verifier refuses for skb. */
		volatile u32 mark = skb->mark & ~MARK_MASK;

		/* The router has no number in the mark, where it might be anybody's bits. */
		if (account != ACCOUNT_ROUTER)
			mark |= account << MARK_SHIFT;

		skb->mark = mark;
	}
}

/* The account in tc_index of an upload, 0 if none of ours stands there. */
ALWAYS_INLINE u32 noted_sender(const struct __sk_buff *skb)
{
	u32 kept = skb->tc_index;

	return (kept & ~TC_INDEX_ACCOUNT) == TC_INDEX_SENT ? kept & TC_INDEX_ACCOUNT : 0;
}

/* The account in the mark of an upload, 0 for none. Somebody else may have written it. */
ALWAYS_INLINE u32 marked_sender(const struct __sk_buff *skb)
{
	return MARK_MASK ? (skb->mark & MARK_MASK) >> MARK_SHIFT : 0;
}

/* Writes into an upload that it was counted, and for whom: the last number stands for accounts that have no room. The
 * kernel copies tc_index to each segment when it splits a packet. */
ALWAYS_INLINE void note_counted_upload(struct __sk_buff *skb, u32 account, int is_compared)
{
	u32 number = account < TC_INDEX_ACCOUNT ? account : TC_INDEX_ACCOUNT;

	skb->tc_index = TC_INDEX_LEAVES | (is_compared ? 0 : TC_INDEX_UNCOMPARED) | number;
}

/* Whether one of our hooks at an uplink wrote beside the packet, in this direction, that it was counted. */
ALWAYS_INLINE int is_noted_as_counted(const struct __sk_buff *skb, enum direction direction)
{
	u32 kind = skb->tc_index & TC_INDEX_KIND & ~(TC_INDEX_FRAGMENT | TC_INDEX_UNCOMPARED);

	return kind == (direction == UP ? TC_INDEX_LEAVES : TC_INDEX_CROSSED);
}

/* Writes the account that a download was charged to where the hook at the LAN finds it. `apart` is 0 or
 * TC_INDEX_APART. */
ALWAYS_INLINE void note_crossing(struct __sk_buff *skb, const struct packet *packet, u32 account, u32 apart)
{
	u32 fragment = packet->fragment != FRAGMENT_NONE ? TC_INDEX_FRAGMENT : 0;

	/* An account whose number has no room is left without a second look. */
	skb->tc_index = account > TC_INDEX_ACCOUNT ? 0 : TC_INDEX_CROSSED | apart | fragment | account;
}

/* What the WAN wrote beside a download; 0 for any other packet. */
ALWAYS_INLINE u32 noted_crossing(const struct __sk_buff *skb)
{
	u32 crossing = skb->tc_index;

	return (crossing & TC_INDEX_KIND & ~TC_INDEX_FRAGMENT) == TC_INDEX_CROSSED ? crossing : 0;
}

/* Writes that again beside a packet that was made anew out of a download. */
ALWAYS_INLINE void put_crossing(struct __sk_buff *skb, u32 crossing)
{
	skb->tc_index = crossing;
}

/* The packet carries nothing any more, or not yet. The mark stays as it is. */
ALWAYS_INLINE void forget_carried(struct __sk_buff *skb)
{
	skb->tc_index = 0;
}

/* What the WAN wrote beside a download, once: also where one LAN interface is stacked on another. */
ALWAYS_INLINE u32 take_crossing(struct __sk_buff *skb)
{
	u32 crossing = noted_crossing(skb);

	if (crossing)
		forget_carried(skb);
	return crossing;
}

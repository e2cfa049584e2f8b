/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses that end in the modem, as the owner says (wan.unbilled): the carrier never sees them, and bills nothing. */
#pragma once

#include "limits.h"

ALWAYS_INLINE int is_unbilled(const u8 *address)
{
	struct network network = { .length = 128 };
	u32 number = 0, *in_use = unbilled_in_use.lookup(&number);

	if (!in_use || !*in_use)
		return 0;
	__builtin_memcpy(network.address, address, 16);
	return unbilled.lookup(&network) != 0;
}

/* Whether a client or its group is blocked. A plan of everyone that is used up does not count here: the page of the
 * modem is where people buy more. */
ALWAYS_INLINE int is_blocked_below_everyone(u32 number)
{
#pragma unroll
	for (int i = 0; i < HIERARCHY - 1; i++) {
		const struct account *account = accounts.lookup(&number);
		const struct policy *policy = policies.lookup(&number);

		if (!account || !policy || number == ACCOUNT_EVERYONE || (policy->flags & POLICY_EXEMPT))
			return 0;
		if ((policy->flags & (POLICY_BLOCKED | POLICY_LIMITED)) && would_block(policy, account, ON_UP, 1))
			return 1;
		number = policy->parent;
		if (!number)
			return 0;
	}
	return 0;
}

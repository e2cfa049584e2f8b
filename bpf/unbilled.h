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

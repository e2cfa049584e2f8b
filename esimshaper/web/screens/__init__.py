# SPDX-License-Identifier: GPL-2.0-or-later
"""One module for each screen: documents of web.sock -> what its template shows, all of it words already. Pure."""

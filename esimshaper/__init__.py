# SPDX-License-Identifier: GPL-2.0-or-later
"""esimshaper: a data-quota router for travellers. README.md says what it does, DESIGN.md how."""

__version__ = "0.1.0"

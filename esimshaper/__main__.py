# SPDX-License-Identifier: GPL-2.0-or-later
"""`python3 -m esimshaper VERB`."""

import sys

from esimshaper.cli import main

sys.exit(main())

# SPDX-License-Identifier: GPL-2.0-or-later
"""`python3 -m esimshaper VERB`."""

import sys

from esimshaper.cli.main import main

sys.exit(main())

# SPDX-License-Identifier: GPL-2.0-or-later
"""What tests of the configuration file share."""

import pytest


@pytest.fixture
def main(tmp_path):
    return tmp_path / "esimshaper.yaml"

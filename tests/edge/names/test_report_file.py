# SPDX-License-Identifier: GPL-2.0-or-later
"""The report of the process that names is read as it was written, or refused."""

from pathlib import Path

import pytest

from esimshaper.core.model.names_report import NamesReport
from esimshaper.edge.names import catalogue_file
from esimshaper.edge.names.report_file import report


def test_report_is_read(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    assert report(file) is None
    tally = {"answers": 3, "encrypted-dns": 1, "sni": 7, "none": 2}
    catalogue_file.replace(file, {"version": 1, "seconds": 61.5, "tally": tally})
    found = report(file)
    assert found
    assert 0 <= found.age < 60
    assert found == NamesReport(61.5, found.age, 3, 1, {"sni": 7, "none": 2})


@pytest.mark.parametrize("text", ["", "{}", '{"seconds": 1}', '{"seconds": 1, "tally": {"sni": "x"}}', "[]"])
def test_report_that_nobody_here_has_written_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "report.json").write_text(text)
    with pytest.raises(ValueError, match="."):
        report(tmp_path / "report.json")

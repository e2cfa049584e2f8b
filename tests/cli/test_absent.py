# SPDX-License-Identifier: GPL-2.0-or-later
"""What a person hears who asks a daemon that does not run."""

from esimshaper.cli import absent
from esimshaper.edge.host import paths

GOOD = "wan: {interface: wwan0}\nlan: {interfaces: [br0]}\n"


def test_a_refused_configuration_is_the_reason_and_is_named_with_its_first_mistake(monkeypatch, tmp_path):
    config = tmp_path / "esimshaper.yaml"
    monkeypatch.setattr(paths, "CONFIG_FILE", config)
    assert absent.advice() == "there is no configuration yet: sudo esimshaper setup"
    config.write_text(GOOD)
    assert absent.advice() == ""
    config.write_text(GOOD + "\ttab: 1\n")
    assert absent.advice().startswith(f"it cannot start, as the configuration is refused ({config}:3:1: ")
    config.write_text(GOOD + "lann: {}\nzone: UTC\n")
    assert "unknown key `lann` and 1 more): esimshaper check" in absent.advice()

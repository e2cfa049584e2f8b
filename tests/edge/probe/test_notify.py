# SPDX-License-Identifier: GPL-2.0-or-later
"""Probes of the channels: addresses, secrets, programs, and what the bus says of a modem."""

import os

import pytest

from esimshaper.core.model.channels import Channel, ChannelKind, NoticeSettings
from esimshaper.core.model.notify_facts import Messaging
from esimshaper.edge.probe import notify

MAIL = Channel("email", ChannelKind.EMAIL, settings={"host": "localhost"})


def test_a_host_that_nobody_knows_and_a_program_that_is_not_there_are_found():
    hook = Channel("webhook", ChannelKind.WEBHOOK, settings={"url": "https://u:p@nowhere.invalid:8443/x"})
    tell = Channel("command", ChannelKind.COMMAND, settings={"command": ["/nonexistent/tell"]})
    true = Channel("other", ChannelKind.COMMAND, settings={"command": ["/bin/true"]})
    found = notify.notify(NoticeSettings((MAIL, hook, tell, true)))
    assert set(found.hosts) == {"webhook"}
    assert found.hosts["webhook"][0] == "nowhere.invalid"
    assert found.programs == {"/nonexistent/tell"}
    assert found.messaging is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root sees what others may read")
def test_secrets_that_are_not_there_are_found(tmp_path):
    (tmp_path / "there").write_text("x")
    (tmp_path / "esimshaper.mqtt").write_text("x")
    settings = {
        "password": {"file": str(tmp_path / "there")},
        "key": {"file": "/nonexistent/key"},
        "a": {"credential": "esimshaper.mqtt"},
        "b": {"credential": "esimshaper.email"},
    }
    found = notify.secrets([Channel("email", ChannelKind.EMAIL, settings=settings)], [str(tmp_path)])
    assert set(found) == {"/nonexistent/key", "esimshaper.email"}


def test_without_a_bus_no_modem_takes_messages(tmp_path):
    assert notify.messaging(f"unix:path={tmp_path}/none") is Messaging.NO_BUS

# SPDX-License-Identifier: GPL-2.0-or-later
"""MQTT: the letter as JSON at TOPIC/notice, acknowledged by the broker. bridge.py has the sensors of Home Assistant."""

from esimshaper.notify.broker import Broker
from esimshaper.notify.letter import Document, Letter, Report


def deliver(letter: Letter, channel: Document, report: Report) -> None:
    """Raises UndeliveredError."""
    broker = Broker({**channel, "client_id": ""}, report)  # a second one with a name would throw out the bridge
    report.hand_over()
    broker.publish(f"{channel.get('topic') or 'esimshaper'}/notice", letter.as_json())
    report.step("the broker has taken it")
    report.settle()
    broker.close()

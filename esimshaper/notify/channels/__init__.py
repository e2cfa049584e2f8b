# SPDX-License-Identifier: GPL-2.0-or-later
"""Channels: each by one library, which is imported in the child that delivers."""

MODULES = {
    "apprise": "push",
    "command": "command",
    "email": "mail",
    "mqtt": "mqtt",
    "sms": "sms",
    "webhook": "webhook",
}
"""The module of each kind of channel. Each has `deliver(Letter, channel's document, Report)`."""

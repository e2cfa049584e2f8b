# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of what the owner has chosen by hand about notices, in place of the settings. Pure: values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import tzinfo

from esimshaper.core.model.channels import NoticeSettings
from esimshaper.core.model.notices import Severity
from esimshaper.core.model.time_of_day import Hours, parse_span

NEVER = "off"
"""Chosen as quiet hours: there are none."""


@dataclass(frozen=True, slots=True)
class NoticeChoices:
    """Chosen by hand, until it is taken back. quiet: hours as they were written, or NEVER; empty: as in the settings.

    least: by name of a channel; the settings say it of the others.
    """

    quiet: str = ""
    least: Mapping[str, Severity] = field(default_factory=dict)

    def over(self, settings: NoticeSettings, zone: tzinfo) -> NoticeSettings:
        """The settings that hold: `settings` itself while nothing is chosen. zone: of the quiet hours."""
        if self.quiet:
            settings = replace(settings, quiet=None if self.quiet == NEVER else quiet_hours(self.quiet, zone))
        if any(each.name in self.least for each in settings.channels):
            channels = (replace(each, least=self.least.get(each.name, each.least)) for each in settings.channels)
            settings = replace(settings, channels=tuple(channels))
        return settings


AS_WRITTEN = NoticeChoices()


def quiet_hours(text: str, zone: tzinfo) -> Hours:
    """The hours that `text` means, such as `22:00-07:00`, with commas between several. Raises ValueError."""
    spans = tuple(parse_span(each.strip()) for each in text.split(", "))
    return Hours(spans, zone, text)

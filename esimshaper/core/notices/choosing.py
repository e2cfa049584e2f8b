# SPDX-License-Identifier: GPL-2.0-or-later
"""What the owner chooses by hand in place of the settings. Pure."""

from dataclasses import replace
from datetime import tzinfo

from esimshaper.core.model.channels import NoticeSettings
from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.notice_choices import NEVER, NoticeChoices, quiet_hours
from esimshaper.core.model.notice_requests import LeastCommand, NoticeChoice, QuietCommand


def chosen(before: NoticeChoices, command: NoticeChoice, settings: NoticeSettings, zone: tzinfo) -> NoticeChoices:
    """The choices that follow; `settings` are those of the file. Raises Unusable where a choice makes no sense."""
    match command:
        case QuietCommand(hours):
            return replace(before, quiet=_checked(hours, zone) if hours else "")
        case LeastCommand(name, least):
            _refuse_unknown(name, settings, known=least is None and name in before.least)
            others = {key: each for key, each in before.least.items() if key != name}
            return replace(before, least=others if least is None else {**others, name: least})


def _checked(hours: str, zone: tzinfo) -> str:
    if hours == NEVER:
        return hours
    try:
        quiet_hours(hours, zone)
    except ValueError as error:
        raise Unusable(str(error), 'Write hours as "22:00-07:00", or off for none.') from None
    return hours


def _refuse_unknown(name: str, settings: NoticeSettings, *, known: bool) -> None:
    """A channel that is gone from the settings may still be forgotten."""
    names = [each.name for each in settings.channels]
    if name not in names and not known:
        hint = f"There are: {', '.join(names)}." if names else "Write one under `notices` in the configuration."
        raise Unusable(f"there is no channel `{name}`", hint)

# SPDX-License-Identifier: GPL-2.0-or-later
"""SMS by ModemManager: one part, to each number. It is the channel that works while data is cut or used up."""

from typing import Any

from esimshaper.core.model.results import Result
from esimshaper.edge.modems.bus import NotAnsweredError, RefusedError
from esimshaper.notify.letter import Document, Letter, Report, UndeliveredError
from esimshaper.notify.modem import MODEM, Messenger
from esimshaper.notify.secrets import hide


def deliver(letter: Letter, channel: Document, report: Report) -> None:
    """Sent, if one number has it: a second try would cost the others a second message. Raises UndeliveredError."""
    numbers = [str(each) for each in channel["to"]]
    for each in numbers:
        hide(each)  # whom it went to is nobody's business on a screen
    messenger = Messenger()
    try:
        path, modem = messenger.modem()
        report.step("ModemManager has a modem that takes messages")
        problems = [_problem(messenger, path, modem, each, letter.text, report) for each in numbers]
    except (RefusedError, NotAnsweredError) as error:
        raise UndeliveredError(Result.FAILED, f"ModemManager does not say which modems there are: {error}") from None
    finally:
        messenger.close()
    if all(problems):
        raise next((each for each in problems if each and each.result is Result.UNKNOWN), problems[0] or _NOBODY)


_NOBODY = UndeliveredError(Result.IMPOSSIBLE, "the settings name no number")


def _problem(
    messenger: Messenger, path: str, modem: Any, number: str, text: str, report: Report  # noqa: ANN401
) -> UndeliveredError | None:  # fmt: skip
    """Why a number does not have it; None if it has."""
    own = modem[MODEM].get("OwnNumbers")
    if isinstance(own, list) and number in own:
        return UndeliveredError(Result.REFUSED, "the number is that of the SIM itself")
    try:
        messenger.send(path, number, text, report)
    except UndeliveredError as error:
        report.step(f"a message is not sent: {error}")
        return error
    report.step("the network has taken a message")
    return None

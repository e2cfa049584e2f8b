# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge, part of http: the parameters of requests about approval -> the typed Request. Pure."""

from collections.abc import Mapping

from esimshaper.core.model.requests import Request
from esimshaper.core.model.review_requests import ReviewCommand, ReviewQuery, Word
from esimshaper.core.model.units import MAX_SECONDS
from esimshaper.edge.http.routes import BadParameter, Params, Reader, number_of, only, text_of


def _review(params: Params) -> Request:
    only(params)
    return ReviewQuery()


def _reader(word: Word) -> Reader:
    def read(params: Params) -> Request:
        if word is Word.FORGET:
            only(params, "number")
            return ReviewCommand(word, number_of(params, "number", 1, 2**53))
        only(params, "number", "service", "subject", "seconds", "always")
        if ("number" in params) == ("service" in params):
            raise BadParameter("number or service: what waits, or a service by its name")
        always = params.get("always", False)
        if not isinstance(always, bool) or (always and "seconds" in params):
            raise BadParameter("an answer ends after so many seconds, or holds always; always is true or false")
        seconds = number_of(params, "seconds", 1, MAX_SECONDS) if "seconds" in params else None
        return ReviewCommand(
            word,
            number_of(params, "number", 1, 2**53) if "number" in params else 0,
            text_of(params, "service") if "service" in params else "",
            text_of(params, "subject") if "subject" in params else "",
            0 if always else seconds,
        )

    return read


ROUTES: Mapping[tuple[str, str], Reader] = {
    ("GET", "/v1/review"): _review,
    **{("POST", f"/v1/review/{word.value}"): _reader(word) for word in Word},
}

# SPDX-License-Identifier: GPL-2.0-or-later
"""Plans beside the bill of the carrier: one gets slow, the other dearer, and the eSIM is changed in the middle."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from esimshaper.core.model.modems import Modem, ModemsReport, Registration
from esimshaper.edge.modems import report_file
from esimshaper.lab import Lab, WanKind, traffic
from esimshaper.lab.namespaces import wait_until
from tests.netns.limits import CLIENTS
from tests.netns.router import Router

ONE, TWO = "8981100000000000018", "8981100000000000026"
PLANS = f"""
plans:
  - name: asia
    iccid: "{ONE}"
    currency: JPY
    price: 990
    lasts: {{days: 30, from: first-use}}
    meters: [{{window: lifetime, steps: [{{from: 500KB, rate: 90mbit}}]}}]
  - name: japan
    iccid: "{TWO}"
    currency: JPY
    meters: [{{window: month, steps: [{{from: 0, price: 990}}, {{from: 1MB, price: 2090}}]}}]
quotas:
  - {{name: carrier, for: everyone, follow: plan, plan: japan, step: price, before: 100KB, then: notify}}
"""


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(WanKind.TUN) as built:
        yield built


class Modems:
    """What the process that watches modems would say: again and again, or the daemon takes it for dead."""

    def __init__(self, file: Path) -> None:
        self._file, self._ended, self._modems = file, threading.Event(), tuple[Modem, ...]()
        self._thread = threading.Thread(target=self._say)

    def __enter__(self) -> "Modems":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def have(self, *sims: str) -> None:
        """From now on there is a modem for each of `sims`; the SIM of an empty one is not read yet."""
        self._modems = tuple(
            Modem(sim, interface="wan0", registration=Registration.HOME, connected=True) for sim in sims
        )
        report_file.write(self._file, ModemsReport(self._modems, manager=True))

    def _say(self) -> None:
        while not self._ended.wait(5):
            self.have(*(modem.iccid for modem in self._modems))


def test_each_billed_byte_is_one_plans_through_steps_a_change_of_esim_and_a_restart(
    make_router: Callable[..., Router], lab: Lab
) -> None:
    router = make_router(lab, CLIENTS + PLANS)
    report = router.place / "modems.json"
    router.environment["ESIMSHAPER_MODEMS"] = str(report)
    with Modems(report) as modems:
        live(router, lab, modems)


def live(router: Router, lab: Lab, modems: Modems) -> None:
    """Both plans, one after the other."""

    def plans() -> dict[str, Any]:
        return {plan["name"]: plan for plan in router.get("/v1/plan")["plans"]}

    alice, server = lab.clients[0], lab.servers4[0]
    modems.have(ONE)
    router.start()
    begun, before = router.measure_with(plans)
    alice.call(lambda: traffic.tcp_down(server, 700_000))
    slow, seen = router.measure_with(plans)
    asia = before["asia"]["counted_bytes"] + (slow - begun).bill.seen_by_router.total_bytes
    assert (seen["asia"]["rate"], seen["asia"]["counted_bytes"]) == (90_000_000, asia)

    modems.have()  # it is away; then it is back, and has not read its SIM yet
    router.await_tick()
    modems.have("")
    router.await_tick()
    alice.call(lambda: traffic.tcp_up(server, 200_000))
    waiting, found = router.measure_with(lambda: router.get("/v1/plan")["uplinks"][0])
    assert found["waiting_bytes"] == (waiting - slow).bill.seen_by_router.total_bytes
    modems.have(TWO)
    router.await_tick()
    alice.call(lambda: traffic.tcp_down(server, 600_000))
    router.settle()
    router.stop()
    router.start()
    alice.call(lambda: traffic.tcp_down(server, 400_000))
    last, seen = router.measure_with(plans)
    moved = last - slow
    used = moved.sum.total_bytes
    assert (seen["japan"]["counted_bytes"], seen["japan"]["used_bytes"]) == (used, used)
    assert used == moved.bill.seen_by_router.total_bytes, "classes of the slow plan went when nothing waited in them"
    assert seen["asia"]["counted_bytes"] == asia
    assert (seen["japan"]["cost"], seen["asia"]["cost"]) == ("2090", "990")
    assert router.scrape()['esimshaper_plan_used_bytes{plan="japan"}'] == used
    # Before the step where a tick came in time, else after it.
    wait_until("the step is told", lambda: "1,100 JPY" in router.log.read_text())
    assert "plan asia has used up its fast data" in router.log.read_text()
    assert "japan at wan" in router.run("plan", "--socket", str(router.socket)).stdout

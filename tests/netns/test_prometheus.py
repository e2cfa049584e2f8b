# SPDX-License-Identifier: GPL-2.0-or-later
"""contrib/prometheus with Debian's Prometheus and the real daemon: scraped over TLS, looked at, written to another."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from esimshaper.lab import Lab, WanKind, traffic
from esimshaper.lab.namespaces import wait_until
from tests.certificates import Authority
from tests.netns.prometheus import FOLDER, Prometheus, example, write_request

# A plan whose period has not just begun, whatever day it is: a few bytes of the first minutes are a high forecast.
CONFIG = """clients: [{name: alice, mac: "02:00:00:00:00:10"}]
quotas:
  - {name: tiny, for: client/alice, limit: 300KB, period: month, then: block}
  - {name: plan, for: everyone, limit: 10GB, period: {days: 3650, from: 2025-01-01}, then: block}
plans:
  - {name: trip, uplink: wan, currency: JPY, price: 990, lasts: {days: 30, from: first-use},
     meters: [{window: lifetime, steps: [{from: 5GB, rate: stop}]}]}
"""
DASHBOARD = json.loads((FOLDER / "dashboard.json").read_text())
VARIABLES = {"$job": "esimshaper", "$instance": "router", "$client": ".*", "$__rate_interval": "10s", "$__range": "1m"}
REMOTE_WRITE = {"Content-Encoding": "snappy", "X-Prometheus-Remote-Write-Version": "0.1.0"}


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(WanKind.TUN) as built:
        yield built


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[Callable[..., Prometheus]]:
    made: list[Prometheus] = []

    def make(*arguments: Any) -> Prometheus:
        host, address, *rest = arguments
        made.append(Prometheus(host, address, tmp_path / f"prometheus{len(made)}", *rest))
        return made[-1]

    yield make
    for each in reversed(made):  # an agent first, or it waits for whom it writes to
        each.stop()


def use(lab: Lab) -> None:
    """Two clients move bytes; alice until she is blocked."""
    alice, bob = lab.clients
    bob.call(traffic.tcp_down, lab.servers4[0], 100_000)
    with pytest.raises(OSError):
        alice.call(traffic.tcp_down, lab.servers4[0], 2_000_000, timeout=10)


def expressions() -> dict[str, str]:
    """Everything that the dashboard asks, by the panel that asks it."""
    found = {
        f"{panel['title']} {target['refId']}": target["expr"]
        for panel in DASHBOARD["panels"]
        for target in panel.get("targets", [])
    }
    for variable in DASHBOARD["templating"]["list"]:
        selector, _, label = variable["definition"].removeprefix("label_values(").removesuffix(")").rpartition(", ")
        found[variable["name"]] = f"count by ({label}) ({selector})"
    for name, value in VARIABLES.items():
        found = {title: expression.replace(name, value) for title, expression in found.items()}
    return found


def test_over_tls_the_dashboard_has_something_to_show_and_a_stranger_gets_nothing(
    lab, make_router, prometheus, tmp_path
):
    (tmp_path / "ca").mkdir()
    authority = Authority(tmp_path / "ca")
    certificate, key = authority.sign("router")
    router = make_router(lab, CONFIG)
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "tls.yaml").write_text(
        f"metrics: {{tls: {{certificate: {certificate}, key: {key}, client_ca: {authority.certificate}}}}}\n"
    )
    router.start()
    config = example("prometheus.yml")
    (job,) = config["scrape_configs"]
    client, client_key = map(str, authority.sign("prometheus", usage="clientAuth"))
    ours = {"ca_file": str(authority.certificate)}
    stranger = job | {"job_name": "stranger", "scheme": "https", "tls_config": ours}
    job |= {"scheme": "https", "tls_config": ours | {"cert_file": client, "key_file": client_key}}
    config["scrape_configs"].append(stranger)
    asked = prometheus(lab.router, "127.0.0.1", config).start()
    wait_until("a scrape", lambda: asked.value('up{job="esimshaper"}') == 1, timeout=20)
    use(lab)

    waiting = expressions()

    def all_answer() -> bool:
        for title in [title for title, expression in waiting.items() if asked.query(expression)]:
            del waiting[title]
        return not waiting

    try:
        wait_until("every panel", all_answer, timeout=30)
    except TimeoutError:
        pytest.fail(f"empty: {waiting}")
    assert asked.value('up{job="stranger"}') == 0

    def says_why() -> bool:
        (target,) = [each for each in asked.api("targets")["activeTargets"] if each["scrapePool"] == "stranger"]
        return "certificate required" in target["lastError"] or "bad certificate" in target["lastError"]

    # A scrape that is still writing when it is refused finds a broken pipe, and never reads the reason.
    wait_until("a refusal with its reason", says_why, timeout=30)
    _rules_work(asked)


def _rules_work(asked: Prometheus) -> None:
    rules = [rule for group in asked.api("rules")["groups"] for rule in group["rules"]]
    assert {(rule["health"], rule.get("lastError", "")) for rule in rules} == {("ok", "")}

    def firing() -> dict[str, str]:
        alerts = asked.api("alerts")["alerts"]
        return {a["labels"]["alertname"]: a["annotations"]["summary"] for a in alerts if a["state"] == "firing"}

    wait_until("the alert", lambda: "EsimshaperQuotaUsedUp" in firing(), timeout=20)
    assert firing()["EsimshaperQuotaUsedUp"] == "router: client/alice has used up tiny"
    used = asked.value('quota:esimshaper_used:forecast_ratio{quota="plan"}')
    assert used is not None
    assert 0 < used < 0.1


def central(lab: Lab, prometheus: Callable[..., Prometheus]) -> Prometheus:
    config = example("central.yml")
    receiver = prometheus(lab.internet, lab.servers4[0], config, "--web.enable-remote-write-receiver")
    return receiver.start()


def agent(lab: Lab, prometheus: Callable[..., Prometheus], place: Path) -> Prometheus:
    config = example("agent.yml")
    (writing,) = config["remote_write"]
    writing["url"] = f"http://{lab.servers4[0]}:9090/api/v1/write"
    writing["queue_config"] |= {"min_backoff": "100ms", "max_backoff": "500ms", "batch_send_deadline": "100ms"}
    flags = ("--enable-feature=agent", f"--storage.agent.path={place / 'wal'}", "--storage.remote.flush-deadline=1s")
    return prometheus(lab.router, "127.0.0.1", config, *flags)


def test_an_agent_writes_on_with_the_name_of_the_router_and_leaves_no_gap(lab, make_router, prometheus, tmp_path):
    router = make_router(lab, CONFIG).start()
    receiver = central(lab, prometheus)
    agent(lab, prometheus, tmp_path).start()
    received = 'esimshaper_client_receive_bytes_total{router="van", instance="van", job="esimshaper", client="%s"}'
    wait_until("a sample", lambda: receiver.value(received % "router") is not None, timeout=20)
    use(lab)
    alice = 'esimshaper_client_receive_bytes_total{client="alice"}'
    wait_until("alice's bytes", lambda: receiver.value(received % "alice") == router.scrape().get(alice, 0) > 300_000)
    assert not receiver.query('{__name__=~"scrape_.*|.*", router="van", map="flows"}')

    receiver.stop()
    left = time.time()
    wait_until("three scrapes", lambda: time.time() > left + 3.5)
    back = time.time()
    receiver.start()

    def meanwhile() -> list[float]:
        samples = receiver.query('up{router="van"}[1m]')
        return [moment for series in samples for moment, _ in series["values"] if left < moment < back]

    wait_until("what was scraped meanwhile", lambda: len(meanwhile()) >= 3, timeout=20)
    sent = router.scrape()['esimshaper_client_transmit_bytes_total{client="router"}']
    assert sent > 5000  # what is written is on the bill, as the router's own


def test_a_router_that_was_away_for_days_is_heard_late_and_not_never(lab, prometheus):
    receiver = central(lab, prometheus)
    now = int(time.time() * 1000)
    for router, age in (("van", 0), ("boat", 13 * 86_400_000)):
        sample = write_request({"__name__": "esimshaper_build_info", "router": router}, 1, now - age)
        receiver.ask("/api/v1/write", sample, REMOTE_WRITE)
    assert receiver.query('last_over_time(esimshaper_build_info{router="boat"}[14d])')

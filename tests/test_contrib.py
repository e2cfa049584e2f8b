# SPDX-License-Identifier: GPL-2.0-or-later
"""What is in contrib/prometheus, by Prometheus' own tool; tests/netns/test_prometheus.py tries it with the real one."""

import json
import re
import subprocess

import pytest
import yaml

from esimshaper.core.report import metrics as report_metrics
from tests import synthetic_router, tools
from tests.synthetic_services import counted

FOLDER = tools.ROOT / "contrib" / "prometheus"
RULES = yaml.safe_load((FOLDER / "esimshaper.rules.yml").read_text())
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"] if "alert" in rule]
TESTS = yaml.safe_load((FOLDER / "esimshaper.rules_test.yml").read_text())["tests"]
DASHBOARD = FOLDER / "dashboard.json"
METRICS = report_metrics.metrics(counted(synthetic_router.state()), synthetic_router.facts())
KINDS = ("alert_rule_test", "promql_expr_test")


def promtool(*arguments: str) -> str:
    done = subprocess.run([tools.find("promtool"), *arguments], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_rules_are_rules():
    assert "SUCCESS" in promtool("check", "rules", "esimshaper.rules.yml")


def test_alerts_fire_when_they_should_and_not_before():
    assert "SUCCESS" in promtool("test", "rules", "esimshaper.rules_test.yml")


def test_no_alert_is_without_a_test_that_fires_it():
    expected = [case for test in TESTS for kind in KINDS for case in test.get(kind, [])]
    fired = {case["alertname"] for case in expected if case.get("exp_alerts")}
    fired |= {
        name
        for case in expected
        for sample in case.get("exp_samples", [])
        for name in re.findall('alertname="(.*?)"', sample["labels"])
    }
    assert fired == {alert["alert"] for alert in ALERTS}


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_each_alert_says_what_is_wrong_and_what_to_do(alert):
    assert alert["labels"]["severity"] in ("info", "warning", "critical")
    assert len(alert["annotations"]["summary"]) < 140
    assert len(alert["annotations"]["description"]) > 60


def series(text: str) -> list[tuple[str, str]]:
    """Metrics of ours in expressions with their label matchers, but for those that a rule records."""
    return re.findall(r"(?<![\w:])(esimshaper_\w+)(?:\{(.*?)\})?", text)


@pytest.mark.parametrize("text", [json.dumps(RULES), DASHBOARD.read_text()], ids=["rules", "dashboard"])
def test_what_is_asked_for_is_exported(text):
    exported = {family.name: family for family in METRICS}
    asked = series(text.replace("\\", ""))
    assert len(asked) > 20
    for name, matchers in asked:
        for label, pattern in re.findall(r'(\w+)=~?"(.*?)"', matchers):
            if label not in ("job", "instance") and "$" not in pattern:
                values = {sample[exported[name].labels.index(label)] for sample in exported[name].samples}
                assert any(re.fullmatch(pattern, value) for value in values), (name, label, pattern)
    assert {name for name, _ in asked} <= exported.keys()


def test_the_dashboard_can_be_imported():
    """As far as can be known without Grafana: what its import looks for, one place for each panel, no id twice."""
    dashboard = json.loads(DASHBOARD.read_text())
    (source,) = dashboard["__inputs"]
    assert (source["type"], source["pluginId"]) == ("datasource", "prometheus")
    asked = [dashboard["panels"], dashboard["templating"]["list"]]
    uids = set(re.findall('"uid": "(.*?)"', json.dumps(asked)))
    assert uids == {f"${{{source['name']}}}"}
    assert {panel["type"] for panel in dashboard["panels"]} - {"row"} == {
        each["id"] for each in dashboard["__requires"] if each["type"] == "panel"
    }
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells

# SPDX-License-Identifier: GPL-2.0-or-later
"""What is in contrib/prometheus, by Prometheus' own tool; tests/netns/test_prometheus.py tries it with a real Prometheus."""

import json
import re
import subprocess

import pytest
import yaml

from esimshaper.core import report_metrics
from esimshaper.core.model import Reason
from tests import synthetic_router, tools

FOLDER = tools.ROOT / "contrib" / "prometheus"
RULES = yaml.safe_load((FOLDER / "esimshaper.rules.yml").read_text())
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"] if "alert" in rule]
TESTS = yaml.safe_load((FOLDER / "esimshaper.rules_test.yml").read_text())["tests"]
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
    assert len(alert["annotations"]["summary"]) < 120
    assert len(alert["annotations"]["description"]) > 60


def names(text: str) -> set[str]:
    """Metrics of ours in an expression, but for those that a rule records."""
    return set(re.findall(r"(?<![\w:])esimshaper_\w+", text))


def test_rules_ask_for_metrics_and_reasons_that_there_are():
    text = json.dumps(RULES)
    exported = {family.name for family in report_metrics.metrics(synthetic_router.state(), synthetic_router.facts())}
    assert names(text) <= exported
    reasons = {each for found in re.findall(r'reason=~?\\"(.*?)\\"', text) for each in found.split("|")}
    assert len(reasons) > 4
    assert reasons <= {reason.label for reason in Reason}

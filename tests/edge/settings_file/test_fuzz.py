# SPDX-License-Identifier: GPL-2.0-or-later
"""The configuration file under fire: whatever it holds gives Settings or SettingsError, soon, and nothing else."""

import json
import re
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from esimshaper.edge.settings_file import SettingsError, load
from esimshaper.edge.settings_file.schema import SCHEMA_FILE
from esimshaper.edge.settings_file.yaml_file import MAX_DEPTH, MAX_FILE_BYTES, MAX_VALUES

EXAMPLE = Path(__file__).parents[3] / "etc/esimshaper.yaml"
WORDS = sorted(set(re.findall(r'^ +"([a-z_-]+)": {', SCHEMA_FILE.read_text(), flags=re.MULTILINE)))
NEEDED = "wan: {interface: wwan0}\nlan: {interfaces: [br0]}\n"


@pytest.fixture
def main(tmp_path):
    return tmp_path / "esimshaper.yaml"


# Bombs: refused within seconds


BOMBS = {
    "too large": "#" * (MAX_FILE_BYTES + 1),
    "too deep": NEEDED + "timezone: " + "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1),
    "bottomless": "[" * MAX_FILE_BYTES,
    "bottomless blocks": "".join(" " * depth + "a:\n" for depth in range(600)),
    "too many values": "[" + "1," * MAX_VALUES + "]",
    "too many keys": "\n".join(f"k{number}:" for number in range(MAX_VALUES)),
    "many wrong values": NEEDED + "clients: [" + "1, a, " * (MAX_VALUES // 2 - 50) + "]",
    "many unknown keys": NEEDED + "\n".join(f"interface{number}: 1" for number in range(MAX_VALUES // 2 - 50)),
    "many wrong quotas": NEEDED + "quotas: [" + "{for: everyone, limit: 5, then: {x: 1}, period: {x: 1}}," * 900 + "]",
    "many right quotas": NEEDED + "quotas:\n" + "".join(
        f"- {{name: q{n}, for: group/unknown, limit: 1GB, period: {{months: 1, from: 2026-01-31}}, then: block}}\n"
        for n in range(700)
    ),
    "laughter": "a0: &a0 [x]\n" + "".join(f"a{n + 1}: &a{n + 1} [*a{n}, *a{n}]\n" for n in range(40)),
    "one long word": NEEDED + "timezone: " + "A" * 200_000,
    "one long key": NEEDED + "A" * 900 + ": 1",
    "one long number": NEEDED + "meter: {max_flows: " + "9" * 200_000 + "}",
    "one great number": NEEDED + "meter: {max_flows: 1e999999}",
}  # fmt: skip


@pytest.mark.parametrize("content", BOMBS.values(), ids=BOMBS)
def test_bomb_is_refused_quickly(main, content):
    began = time.process_time()
    main.write_text(content)
    assert outcome(main)[0]
    assert time.process_time() - began < 10


def test_thousand_clients_are_read_quickly(main):
    clients = "".join(f'- {{name: c{n}, mac: "02:00:00:00:{n >> 8:02x}:{n & 255:02x}"}}\n' for n in range(1024))
    began = time.process_time()
    main.write_text(NEEDED.replace("[br0]", "[br0], mark_mask: 0xfff00000") + "clients:\n" + clients)
    loaded = load(main)
    assert time.process_time() - began < 3
    assert len(loaded.clients) == loaded.meter.max_clients == 1024


# Anything: Settings or SettingsError, never something else

fuzz = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def outcome(file):
    """The problems, and all that a person would see."""
    try:
        return (), repr(load(file))
    except SettingsError as error:
        return error.problems, str(error)


def survives(file, content):
    file.write_bytes(content)
    problems, text = outcome(file)
    assert all(each.line >= 1 and each.column >= 1 and each.message and each.hint for each in problems)
    assert text.encode()


@fuzz
@given(st.binary(max_size=300))
def test_any_bytes_are_survived(tmp_path, content):
    survives(tmp_path / "any.yaml", content)


@fuzz
@given(st.text(alphabet=" \n\t-:?[]{},#&*!|>'\"%@`\\<~.01aeXUx_\ufeff\u2028\x85", max_size=60))
def test_any_yaml_like_text_is_survived(tmp_path, content):
    survives(tmp_path / "any.yaml", content.encode())


@fuzz
@given(st.data())
def test_mutated_example_is_survived(tmp_path, data):
    content = bytearray(EXAMPLE.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        start = data.draw(st.integers(0, len(content)))
        length = data.draw(st.integers(0, 20))
        content[start : start + length] = data.draw(st.binary(max_size=6) | st.sampled_from(WORDS).map(str.encode))
    survives(tmp_path / "any.yaml", bytes(content))


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=5),
    max_leaves=12,
)
texts = st.sampled_from(
    ("everyone", "each-client", "client/a", "group/b", "group/unknown", "day", "month", "block", "1GB", "500MB", "0B",
     "80%", "1.5B", "2026-11-01", "2026-03-29T02:30", "2026-02-30", "0001-01-01T00:00Z", "9999-12-31T23:59-23:59",
     "256kbit", "1bit", "UTC", "Europe/Berlin", "a", "b", "download", "unknown", "2", "80")
)  # fmt: skip
near = texts | st.integers(0, 200) | values
quotas = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("name", "for", "limit", "timezone", "direction", "used", "other"), near),
        "period": near | st.dictionaries(st.sampled_from(("hours", "days", "months", "from", "x")), near, max_size=3),
        "warn_at": near | st.lists(near, max_size=9),
        "then": near | st.dictionaries(st.sampled_from(("throttle", "block")), near, max_size=2),
    },
)
rights = st.fixed_dictionaries(
    {
        "name": st.text("ab", min_size=1, max_size=2),
        "for": st.sampled_from(("everyone", "each-client", "client/a", "group/b", "group/unknown")),
        "limit": st.sampled_from(("1B", "500MB", "1000TB")),
        "period": st.sampled_from(("hour", "day"))
        | st.fixed_dictionaries(
            {"months": st.integers(1, 120), "from": st.sampled_from(("2026-11-01", "2000-01-31T09:00Z"))}
        ),
        "then": st.sampled_from(("block", {"throttle": "8kbit"})),
    },
    optional={
        "timezone": st.sampled_from(("UTC", "Europe/Berlin")),
        "used": st.sampled_from(("0B", "1GB")),
        "warn_at": st.lists(st.sampled_from(("50%", "80%", "100%", "400MB")), max_size=2),
    },
)
trees = st.fixed_dictionaries(
    {},
    optional={
        "wan": st.fixed_dictionaries(
            {}, optional=dict.fromkeys(("interface", "download", "upload", "replace_qdisc"), near)
        )
        | values,
        "lan": st.fixed_dictionaries({}, optional=dict.fromkeys(("interfaces", "leases", "mark_mask"), values))
        | values,
        "clients": st.lists(
            st.fixed_dictionaries({}, optional={"name": near, "mac": values, "group": near})
            | st.just({"name": "a", "mac": "02:00:00:00:00:01", "group": "b"})
            | values
        )
        | values,
        "quotas": st.lists(rights | quotas | values, max_size=4) | values,
        "metrics": st.fixed_dictionaries({}, optional={"listen": values}) | values,
        "meter": st.fixed_dictionaries({}, optional={"max_clients": values, "max_flows": values}) | values,
        "timezone": values,
    },
)


@fuzz
@given(st.lists(trees, min_size=1, max_size=3))
def test_any_values_are_survived(tmp_path, several):
    (tmp_path / "conf.d").mkdir(exist_ok=True)
    for number, tree in enumerate(several[1:]):
        # JSON is YAML; lone surrogates stay as escapes.
        (tmp_path / "conf.d" / f"{number}.yaml").write_text(json.dumps(tree))
    survives(tmp_path / "any.yaml", json.dumps(several[0]).encode())


@fuzz
@given(st.lists(rights, max_size=3), st.booleans())
def test_quotas_that_are_nearly_right_give_settings_or_problems_at_their_places(tmp_path, quotas, named):
    clients = [{"name": "a", "mac": "02:00:00:00:00:01", "group": "b"}] if named else []
    tree = {"wan": {"interface": "w"}, "lan": {"interfaces": ["b"]}, "clients": clients, "quotas": quotas}
    file = tmp_path / "right.yaml"
    file.write_text(json.dumps(tree, indent=1))
    lines = file.read_text().splitlines()
    try:
        assert [each.name for each in load(file).quotas] == [each["name"] for each in quotas]
    except SettingsError as error:
        for each in error.problems:
            value = re.search("`(.*?)`", each.message)[1]
            assert value in lines[each.line - 1] or value == "b"  # ... which is what is after group/

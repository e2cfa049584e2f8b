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

EXAMPLE = Path(__file__).parents[2] / "etc/esimshaper.yaml"
WORDS = sorted(set(re.findall(r'^ +"([a-z_]+)": {', SCHEMA_FILE.read_text(), flags=re.MULTILINE)))
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
trees = st.fixed_dictionaries(
    {},
    optional={
        "wan": st.fixed_dictionaries({}, optional={"interface": values}) | values,
        "lan": st.fixed_dictionaries({}, optional=dict.fromkeys(("interfaces", "leases", "mark_mask"), values))
        | values,
        "clients": st.lists(st.fixed_dictionaries({}, optional={"name": values, "mac": values}) | values) | values,
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

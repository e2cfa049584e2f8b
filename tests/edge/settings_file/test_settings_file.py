# SPDX-License-Identifier: GPL-2.0-or-later
"""The configuration file: what is right is read, what is wrong is named with its place and what would be right."""

import json
import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from esimshaper.core.model.approval import Approval
from esimshaper.core.model.channels import NoticeSettings
from esimshaper.core.model.decisions import NO_LOW_DATA, DecisionKind, LowData, LowDataMode
from esimshaper.core.model.limits import ActionKind, PeriodUnit, Subject, SubjectKind
from esimshaper.core.model.saver import Pace
from esimshaper.core.model.watch import AlarmKind, Reaction, Watch, WatchLevel
from esimshaper.core.model.withholding import NOTHING_SAVED, Metered, SaverSettings
from esimshaper.core.settings.values import DEFAULT_UPKEEP, Client, Listen, OnFailure, Tls, Wan, Web
from esimshaper.edge.settings_file import SettingsError, load, of_the_box, read_settings
from esimshaper.edge.settings_file.schema import SCHEMA_FILE
from tests.certificates import Authority
from tests.edge.settings_file.trials import NEEDED, accepted, refused

EXAMPLE = Path(__file__).parents[3] / "etc/esimshaper.yaml"
WORDS = sorted(set(re.findall(r'^ +"([a-z_-]+)": {', SCHEMA_FILE.read_text(), flags=re.MULTILINE)))


def test_example_loads():
    loaded = load(EXAMPLE)
    assert loaded.wan.interface == "wwan0"
    assert (loaded.clients, loaded.quotas) == ((), ())  # it names nobody whom this box does not have


def with_commented_settings():
    """The example with the settings that a reader would take the # from, but without the quotas and blocks."""
    text = re.sub(r"^# (quotas|blocks|rules|plans|trips|wan):\n(#.*\n)+", "", EXAMPLE.read_text(), flags=re.MULTILINE)
    text = re.sub(
        r"^# (clients:\n)((#.*\n)+)", lambda found: found[1] + uncommented(found[2]), text, flags=re.MULTILINE
    )
    return re.sub(rf"^( *)# ( *({'|'.join(WORDS)}):)", r"\1\2", text, flags=re.MULTILINE)


def uncommented(text):
    return re.sub("^# ?", "", text, flags=re.MULTILINE)


def with_commented_quotas():
    """The example with `# ` taken from the lines of its quotas and blocks, as it says there."""
    section = r"^# (clients|quotas|blocks|rules|plans|trips):\n(#.*\n)+"
    return re.sub(section, lambda found: uncommented(found[0]), EXAMPLE.read_text(), flags=re.MULTILINE)


def test_example_shows_every_key():
    text = with_commented_settings() + "quotas:\nblocks:\nrules:\nplans:\ntrips:"
    for key, block in json.loads(SCHEMA_FILE.read_text())["properties"].items():
        for name in (key, *block.get("properties", {})):
            assert re.search(rf"^ *{name}:", text, flags=re.MULTILINE), name


def test_commented_settings_of_the_example_are_the_defaults(main):
    loaded = accepted(main, with_commented_settings())
    assert (loaded.wan.download, loaded.wan.upload) == (40_000_000, 10_000_000)  # nobody's default
    folder = "/etc/esimshaper"
    assert loaded.metrics.tls == Tls(f"{folder}/router.crt", f"{folder}/router.key", f"{folder}/clients-ca.crt")
    assert len(loaded.router.reachable) == 2
    page = Tls(f"{folder}/page.crt", f"{folder}/page.key")
    assert loaded.web == Web((Listen("192.168.8.1", 80),), ("data.internal",), tls=page)
    (exempt,) = (each.key for each in loaded.clients if each.name == "work-laptop")
    slow = {AlarmKind.NEWCOMER: Reaction(3600, 256_000)}  # nobody's default
    exempted = frozenset({exempt})
    assert loaded.watch == Watch(WatchLevel.NORMAL, reactions=slow, exempt=exempted, newcomer=50_000_000)
    assert loaded.approval == Approval(100_000_000)  # with the defaults of all else
    auto = LowData(LowDataMode.AUTO, ahead=True, exempt=exempted)  # nobody's default
    assert loaded.low_data == auto
    kinds = [each.kind.value for each in loaded.notices.channels]
    assert kinds == ["email", "webhook", "sms", "mqtt", "apprise", "command"]
    assert loaded.timezone == "Asia/Tokyo"
    assert [each.name for each in loaded.clients] == ["alice-phone", "tv", "phone-abroad", "work-laptop"]
    plain = {
        "timezone": of_the_box(),
        "clients": (),
        "wan": Wan("wwan0"),
        "metrics": replace(loaded.metrics, tls=None),
        "router": DEFAULT_UPKEEP,
        "web": None,
        "watch": Watch(WatchLevel.NORMAL),
        "notices": NoticeSettings(),
        "saver": NOTHING_SAVED,
        "approval": None,
        "low_data": NO_LOW_DATA,
    }
    lists = ("/etc/esimshaper/lists/ads.hosts",)
    saver = SaverSettings(lists, ("login.example.com",), ("firefox",), Metered.AUTO, "/run/esimshaper/dnsmasq")
    pace = Pace(Subject(SubjectKind.EACH_CLIENT), frozenset({"video"}), 2_500_000)
    assert loaded.saver == replace(saver, paces=(pace,), measure=Fraction(1, 8))
    assert replace(loaded, **plain) == load(EXAMPLE)


def test_commented_quotas_of_the_example_are_right_and_show_everything(main):
    loaded = accepted(main, with_commented_quotas())
    assert [each.name for each in loaded.quotas] == [
        *("plan", "daily", "cellular-day", "films"),
        *("tv-week", "guests", "carrier", "alice"),
    ]
    assert {each.subject.kind for each in loaded.quotas} == set(SubjectKind)
    assert [each.hours.written[:11] for each in loaded.blocks] == ["23:00-07:00", "mon-thu,sun"]
    assert {each.kind for each in loaded.rules} == set(DecisionKind)
    assert {each.action.kind for each in loaded.quotas} == set(ActionKind)
    assert {each.period.unit for each in loaded.quotas} == set(PeriodUnit)
    assert (loaded.quotas[0].used, loaded.quotas[0].warn_at) == (1_200_000_000, (5 * 10**9, 8 * 10**9, 95 * 10**8))
    (trip,) = read_settings(main).settings.plans
    assert (trip.name, trip.price, trip.zone_name) == ("trip", 990, "Asia/Tokyo")
    quota = json.loads(SCHEMA_FILE.read_text())["properties"]["quotas"]["items"]
    for name in quota["properties"]:
        assert re.search(rf"[ {{]{name}:", with_commented_quotas()), name


def test_files_of_tls_are_looked_at_on_demand_and_named_with_their_place(main, tmp_path):
    certificate, key = Authority(tmp_path).sign("router")
    main.write_text(f"{NEEDED}metrics:\n  tls: {{certificate: {certificate}, key: {key}}}\n")
    loaded = read_settings(main)
    loaded.check_files()
    key.unlink()
    load(main)  # a daemon starts all the same
    with pytest.raises(SettingsError) as caught:
        loaded.check_files()
    (problem,) = caught.value.problems
    column = len(f"  tls: {{certificate: {certificate}, key: ") + 1
    assert (problem.file, problem.line, problem.column) == (main, 4, column)
    assert problem.message == f"there is no {key}"


def test_example_names_the_schema_where_it_will_be_installed():
    first = EXAMPLE.read_text().splitlines()[0]
    assert first == f"# yaml-language-server: $schema={json.loads(SCHEMA_FILE.read_text())['$id']}"


def test_least_file_gets_the_defaults(main):
    loaded = accepted(main, NEEDED)
    assert loaded.clients == ()
    assert loaded.lan.leases == ("/var/lib/misc/dnsmasq.leases",)
    assert (loaded.lan.mark_mask, loaded.meter.max_clients) == (0, 253)
    assert loaded.on_failure is OnFailure.OPEN
    assert loaded.metrics.listen == Listen("127.0.0.1", 19473)
    assert (loaded.meter.max_clients, loaded.meter.max_flows) == (253, 65536)


def test_values_are_read_as_editors_read_them(main):
    """YAML 1.2: no numbers to the base of 60 and no words for true and false in the way of names."""
    content = NEEDED + "clients:\n- {name: no, mac: 12:34:56:10:20:30}\n- {name: on, mac: 02-00-00-00-00-0A}\n"
    assert accepted(main, content).clients == (
        Client("no", "12:34:56:10:20:30"),
        Client("on", "02:00:00:00:00:0a"),
    )


def test_names_of_any_script_and_a_byte_order_mark_are_read(main):
    main.write_bytes(b"\xef\xbb\xbf" + (NEEDED + 'clients: [{name: 太郎, mac: "02:00:00:00:00:01"}]').encode())
    assert load(main).clients[0].name == "太郎"


# One mistake each: the text after NEEDED (2 lines), its place, the message, the hint.
MISTAKES = {
    "unknown key": ("metrics:\n  lisen: 1\n", 4, 3, "unknown key `lisen`", "Did you mean `listen`"),
    "unlike any key": ("zzz: 1\n", 3, 1, "unknown key `zzz`", "What can stand here: wan, lan"),
    "of a later version": ("on_error: x\n", 3, 1, "unknown key `on_error`", "What can stand here"),
    "neither open nor closed": ("on_failure: shut\n", 3, 13, "`shut` is not `open` or `closed`", "forwards nothing"),
    "merge key": ("<<: {}\n", 3, 1, "unknown key `<<`", "."),
    "wrong type": ("timezone: [UTC]\n", 3, 11, "a list is not the name of a time zone", "Asia/Tokyo"),
    "no value": ("timezone:\n", 3, 10, "nothing is not the name of a time zone", "Asia/Tokyo"),
    "text for block": ("meter: 5\n", 3, 8, "`5` is not a block", "max_flows: 65536"),
    "number for name": ("clients: [{name: 12, mac: 02:00:00:00:00:01}]", 3, 18, "`12` is not a name", 'quotes: "12"'),
    "number for zone": ("timezone: 9\n", 3, 11, "`9` is not the name of a time zone", "Asia/Tokyo"),
    "1.10 as it stands": ("clients: [{name: 1.10, mac: 02:00:00:00:00:01}]", 3, 18, "`1.10`", 'quotes: "1.10"'),
    "MAC without colons": ("clients: [{name: a, mac: 020000000001}]", 3, 26, "not a MAC", "Six pairs"),
    "MAC as text": ("clients: [{name: a, mac: tv}]", 3, 26, "`tv` is not a MAC address", "Six pairs"),
    "MAC missing": ("clients:\n- name: a\n", 4, 3, "`clients.mac` is missing", "Six pairs"),
    "name with slash": ("clients: [{name: a/b, mac: 02:00:00:00:00:01}]", 3, 18, "`a/b` is not a name", "spaces"),
    "client as text": ("clients:\n- tv\n", 4, 3, "`tv` is not a client", "{name: tv"),
    "quoted number": ('meter: {max_flows: "4096"}', 3, 20, "`4096` is not a number of flows", "without quotes: 4096"),
    "too small": ("meter: {max_flows: 0}", 3, 20, "`0` is not a number of flows from 1024", "conversations"),
    "not whole": ("meter: {max_flows: 2000.5}", 3, 20, "`2000.5` is not a number of flows", "."),
    "not finite": ("meter: {max_flows: .nan}", 3, 20, "`.nan` is not a number of flows", "."),
    "truth": ("meter: {max_flows: true}", 3, 20, "`true` is not a number of flows", "."),
    "beyond the mask": ("meter: {max_clients: 9000}", 3, 22, "9000 clients are more than", "mark_mask: 0xfffc0000"),
    "unknown zone": ("timezone: Asia/Tokio\n", 3, 11, "`Asia/Tokio` is not a time zone that this box", "Asia/Tokyo"),
    "path for zone": ("timezone: ../../etc/passwd\n", 3, 11, "is not a time zone", "Asia/Tokyo"),
    "empty zone": ('timezone: ""\n', 3, 11, "`` is not a time zone", "Asia/Tokyo"),
    "nowhere to listen": ("metrics: {listen: 19473}", 3, 19, "not an IP address and a port", "127.0.0.1:19473"),
    "listen to a name": ("metrics: {listen: box:80}", 3, 19, "not an IP address and a port", "127.0.0.1:19473"),
    "key twice": ("timezone: UTC\ntimezone: UTC\n", 4, 1, "`timezone` is given twice", "in line 3"),
    "inner key twice": ("meter: {max_flows: 2000, max_flows: 2000}", 3, 26, "`max_flows` is given twice", "in line 3"),
    "TLS without key": ("metrics: {tls: {certificate: /a.crt}}", 3, 11, "`metrics.tls.key` is missing", "private key"),
    "TLS by a bare name": ("metrics: {tls: {certificate: a, key: /b}}", 3, 30, "not the full path of a file", "with /"),
    "key of lists": ("? [a]\n: b\n", 3, 3, "where a key should", "key: value"),
    "tab": ("meter:\n\tmax_flows: 2000\n", 4, 1, "a tab does not belong here", "spaces"),
    "colon": ("timezone: a: b\n", 3, 12, "a `:` does not belong here", "quotes"),
    "indentation": ("meter:\n    max_flows: 2000\n  max_clients: 3\n", 5, 3, "does not fit the lines above", "inden"),
    "open bracket": ("clients: [\n", 4, 1, "not YAML", "brackets"),
    "open quote": ('timezone: "UTC\n', 4, 1, "not YAML", "quotes"),
    "IPv6 without quotes": ("metrics:\n  listen: [::1]:19473\n", 4, 12, "not YAML", "quotes"),
    "anchor": ("timezone: &a UTC\n", 3, 11, "anchors and aliases", "Write the value out"),
    "alias": ("timezone: *a\n", 3, 11, "anchors and aliases", "Write the value out"),
    "tag": ("timezone: !!str UTC\n", 3, 11, "tags (!)", "quotes"),
    "tag of Python": ("timezone: !!python/object/apply:os.system [id]\n", 3, 11, "tags (!)", "quotes"),
    "two documents": ("---\nwan: {}\n", 3, 1, "a second document", "one file for each"),
    "not UTF-8": (b"timezone: UTC \xff\n", 3, 15, "is not UTF-8 text", "UTF-8"),
    "control character": ("timezone: U\x07TC\n", 3, 12, "control character", "Delete"),
    "escape out of range": ('timezone: "\\UFFFFFFFF"\n', 3, 14, "out of range", "escapes"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "line", "column", "message", "hint"), MISTAKES.values(), ids=MISTAKES)
def test_each_mistake_is_named_with_its_place_and_a_hint(main, text, line, column, message, hint):
    problems = refused(main, NEEDED.encode() + (text if isinstance(text, bytes) else text.encode()))
    assert len(problems) == 1, problems
    assert message in problems[0][2]
    assert hint in problems[0][3]
    assert problems[0][:2] == (line, column)


@pytest.mark.parametrize(
    ("content", "missing"),
    [
        ("", {(1, 1, "`wan` is missing"), (1, 1, "`lan` is missing")}),
        ("# nothing yet\n", {(1, 1, "`wan` is missing"), (1, 1, "`lan` is missing")}),
        ("lan: {interfaces: [br0]}\nwan: [{name: a}]\n", {(2, 7, "`wan.interface` is missing")}),
        ("wan: {interface: w}\nlan:\n  leases: []\n", {(2, 1, "`lan.interfaces` is missing")}),
        ("wan: {interface: w}\nlan: {interfaces: []}\n", {(2, 19, "an empty list is not a list with at least one")}),
        ("5\n", {(1, 1, "`5` is not a block of settings"), (1, 1, "`wan` is missing"), (1, 1, "`lan` is missing")}),
    ],
)
def test_what_must_be_there_is_asked_for(main, content, missing):
    found = refused(main, content)
    assert len(found) == len(missing)
    for line, column, message in missing:
        assert any((line, column) == each[:2] and message in each[2] for each in found), found


def test_interfaces_as_ip_link_shows_them_are_named_right(main):
    found = refused(main, "wan: {interface: wwan0.mbim12@wwan0}\nlan: {interfaces: [eth0.100@eth0]}\n")
    assert [each[:2] for each in found] == [(1, 18), (2, 20)]
    assert "write wwan0.mbim12." in found[0][3]
    assert "write eth0.100." in found[1][3]


def test_misspelt_key_is_not_called_missing_too(main):
    found = refused(main, "wan: {intreface: w}\nlan: {interfaces: [br0]}\n")
    assert [(each[2], each[3]) for each in found] == [("unknown key `intreface`", "Did you mean `interface`?")]


def test_all_mistakes_are_shown_at_once_in_the_order_of_the_file(main):
    content = """wan: {interface: 5}
lan: {interfaces: [br0, br0], mark_mask: 0x101}
timezone: Mars
clients:
  - {name: router, mac: x}
  - {name: a}
metrics: {listen: 5, x: 1}
"""
    found = refused(main, content)
    places = [each[:2] for each in found]
    assert places == [(1, 18), (2, 25), (2, 42), (3, 11), (5, 12), (5, 25), (6, 5), (7, 19), (7, 22)]


def test_error_is_a_line_for_editors_and_an_indented_hint(main):
    main.write_text(NEEDED + "timezone: Mars\n")
    with pytest.raises(SettingsError) as caught:
        load(main)
    first, second = str(caught.value).splitlines()
    assert first == f"{main}:3:11: `Mars` is not a time zone that this box knows"
    assert second.startswith("    Write it as in Asia/Tokyo")


def test_what_cannot_be_printed_is_escaped_and_shortened(main):
    for text in ('"a\\u202e\\n\\uD800"', '"' + "x" * 10_000 + '"'):
        main.write_text(NEEDED + f"timezone: {text}\n")
        with pytest.raises(SettingsError) as caught:
            load(main)
        lines = str(caught.value).splitlines()
        assert len(lines) == 2
        assert all(each.isprintable() and len(each) < 600 for each in lines)
        assert str(caught.value).encode()


def parts(schema):
    """The schema and those inside it."""
    yield schema
    for inner in (*schema.get("properties", {}).values(), *schema.get("$defs", {}).values()):
        yield from parts(inner)
    if "items" in schema:
        yield from parts(schema["items"])


def test_each_part_of_the_schema_has_the_words_that_messages_need():
    for part in parts(json.loads(SCHEMA_FILE.read_text())):
        assert "$ref" in part or {"title", "description", "type"} <= set(part), part
        assert "object" not in part.get("type", ()) or part["additionalProperties"] is False, part
        assert part.get("description", ".").endswith("."), part


def test_a_list_of_uplinks_has_names_and_its_mistakes_have_their_places(main):
    both = (
        "lan: {interfaces: [br0]}\nwan:\n  - {name: cellular, interface: wwan0}\n  - {name: hotel, interface: wlan1}\n"
    )
    assert [each.name for each in accepted(main, both).uplinks] == ["cellular", "hotel"]
    assert refused(main, "lan: {interfaces: [br0]}\nwan:\n  - {interface: wwan0}\n") == [
        (3, 5, "`wan.name` is missing", "Each uplink of a list has a name of its own, for example cellular.")
    ]
    assert [each[2] for each in refused(main, both.replace("hotel", "a/b"))] == ["`a/b` is not a name for an uplink"]
    empty = refused(main, "lan: {interfaces: [br0]}\nwan: []\n")
    assert empty[0][:3] == (2, 6, "an empty list is not a block with the setting `interface`, or a list of such blocks")


def test_the_page_is_off_until_its_block_is_there(main):
    assert accepted(main, NEEDED).web is None
    assert accepted(main, NEEDED + "web: {}\n").web == Web((), ("data.internal",))


@pytest.mark.parametrize(
    "block", ["web: on", "web: {listen: 192.168.8.1}", "web: {listen: [80]}", "web: {names: ['a b']}", "web: {tls: {}}"]
)
def test_what_is_wrong_with_the_page_is_said_with_its_place(main, block):
    assert {line for line, *_ in refused(main, f"{NEEDED}{block}\n")} == {3}


def test_nobody_is_told_until_the_block_of_notices_is_there(main):
    assert accepted(main, NEEDED).notices == NoticeSettings()
    mail = "notices:\n  email: {host: mail.example.org, from: r@example.org, to: a@example.org}\n"
    (channel,) = accepted(main, NEEDED + mail).notices.channels
    wanted = {"host": "mail.example.org", "from": "r@example.org", "to": ["a@example.org"], "security": "starttls"}
    assert channel.settings == wanted


@pytest.mark.parametrize(
    "block",
    [
        *("notices: on", "notices: {email: {}}", "notices: {sms: {to: 0901}}", "notices: {apprise: [ntfy]}"),
        *("notices: {command: []}", "notices: {min: loud}", "notices: {mail: {}}", "notices: {language: fr}"),
        *("notices: {webhook: {url: {}}}", "notices: {mqtt: {host: h, password: secret}}", "notices: {quiet: night}"),
    ],
)
def test_what_is_wrong_with_notices_is_said_with_its_place(main, block):
    assert {line for line, *_ in refused(main, f"{NEEDED}{block}\n")} == {3}

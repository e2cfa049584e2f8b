# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge leases: the files of each DHCP server are told apart by their content, and a broken one breaks nothing."""

import json
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esimshaper.core.model.identity import Lease
from esimshaper.edge.lan.leases import MAX_BYTES, parse

UNTIL = datetime(2025, 11, 24, 16, 0, tzinfo=UTC)
SECONDS = int(UNTIL.timestamp())
MAC, ADDRESS = "02:00:00:00:00:10", "192.168.8.20"
ALICE = Lease(MAC, ADDRESS, "alice-phone", UNTIL)

KEA_HEADER = "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context"
KEA = f"{KEA_HEADER}\n{ADDRESS},{MAC},01:{MAC},3600,{SECONDS},1,0,0,alice-phone,0,\n"
KEA6 = (
    "address,duid,valid_lifetime,expire,subnet_id,pref_lifetime,lease_type,iaid,prefix_len,fqdn_fwd,fqdn_rev,hostname,"
    "hwaddr,state,user_context,hwtype,hwaddr_source,pool_id\n"
    f"2001:db8::20,00:03:00:01:{MAC},4000,{SECONDS},1,3000,0,7,128,1,1,alice-phone.home.,{MAC},0,,1,2,0\n"
    f"2001:db8:1::,00:03:00:01:{MAC},4000,{SECONDS},1,3000,2,7,56,1,1,alice-phone.home.,{MAC},0,,1,2,0\n"
    f"2001:db8::21,00:04:11,4000,{SECONDS},1,3000,0,7,128,1,1,no-mac,,0,,,,0\n"
)
ISC = f"""# The format of this file is documented in the dhcpd.leases(5) manual page.
authoring-byte-order little-endian;
server-duid "\\000\\001\\000\\001}};{{";
lease {ADDRESS} {{
  starts 1 2025/11/24 15:00:00;
  ends 1 2025/11/24 16:00:00;
  cltt 1 2025/11/24 15:00:00;
  binding state active;
  next binding state free;
  rewind binding state free;
  hardware ethernet {MAC};
  uid "\\001\\002\\000;}}\\020";
  set vendor-class-identifier = "android {{";
  on expiry {{
    set ends = "x";
    hardware ethernet 02:00:00:00:00:99;
  }}
  client-hostname "alice-phone";
}}
"""
NETWORKD = json.dumps(
    {
        "BootID": "a4b95e58b4094fa6a04a666af127a5bc",
        "Address": [192, 168, 8, 1],
        "PrefixLength": 24,
        "Leases": [
            {
                "ClientId": [255, 1, 2, 3],
                "Address": [192, 168, 8, 20],
                "Hostname": "alice-phone",
                "HardwareAddressType": 1,
                "HardwareAddressLength": 6,
                "HardwareAddress": [2, 0, 0, 0, 0, 16],
                "ExpirationUSec": 72338380895,
                "ExpirationRealtimeUSec": SECONDS * 1_000_000 + 5,
            }
        ],
    }
)
ODHCPD = (
    f"# br-lan 020000000010 ipv4 alice-phone {SECONDS} 8 32 {ADDRESS}/32\n"
    f"# br-lan 00030001020000000010 7 alice-phone {SECONDS} 12 128 2001:db8::20/128\n"
    f"{ADDRESS}\talice-phone.lan\talice-phone\n"
)
DNSMASQ = f"{SECONDS} {MAC} {ADDRESS} alice-phone 01:{MAC}\n"
FILES = {"Kea": KEA, "ISC dhcpd": ISC, "systemd-networkd": NETWORKD, "odhcpd": ODHCPD, "dnsmasq": DNSMASQ}


def leases(text):
    return parse(text.encode()).leases


@pytest.mark.parametrize(("name", "text"), FILES.items(), ids=FILES)
def test_each_file_is_known_by_its_content(name, text):
    assert parse(text.encode()) == (name, (ALICE,))


@pytest.mark.parametrize(("name", "text"), FILES.items(), ids=FILES)
def test_line_ends_and_marks_of_other_systems_are_read(name, text):
    assert parse(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()) == (name, (ALICE,))
    assert parse(text.rstrip("\n").encode()) == (name, (ALICE,))


@pytest.mark.parametrize(("name", "text"), FILES.items(), ids=FILES)
def test_a_name_that_is_not_utf8_is_still_a_lease(name, text):
    (lease,) = parse(text.encode().replace(b"alice-phone", b"caf\xe9")).leases
    assert lease.hostname == "caf\ufffd", name


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "hello\n",
        "[Network]\nDHCPServer=yes\n",
        '{"a": 1}',
        "127.0.0.1 localhost\n# comment\n",
        "a,b\n1,2\n",
    ],
)
def test_a_file_that_is_none_of_them_has_no_format(text):
    assert parse(text.encode()) == ("", ())


@pytest.mark.parametrize(
    "text",
    [
        "duid 00:01:00:01:2c\n1764000000 17 2001:db8::20 alice-phone 00:01\n",
        KEA_HEADER,
        'server-duid "\\000";\n',
        'ia-na "\\001" { iaaddr 2001:db8::20 { binding state active; ends never; } }\n',
        '{"BootID": "a4", "Address": [192, 168, 8, 1], "PrefixLength": 24}',
        "# br-lan 00030001020000000010 7 alice-phone 1764000000 12 128 2001:db8::20/128\n",
    ],
)
def test_a_file_without_a_lease_of_ours_is_known_all_the_same(text):
    name, found = parse(text.encode())
    assert name
    assert not found


@pytest.mark.parametrize(
    "text",
    [
        DNSMASQ.replace(str(SECONDS), "0"),
        KEA.replace(",3600,", ",4294967295,"),
        ISC.replace("ends 1 2025/11/24 16:00:00", "ends never"),
        NETWORKD.replace(str(SECONDS * 1_000_000 + 5), str((1 << 64) - 1)),
        ODHCPD.replace(str(SECONDS), "-1"),
    ],
)
def test_a_lease_without_an_end_has_none(text):
    assert leases(text) == (Lease(MAC, ADDRESS, "alice-phone", None),)


def test_the_last_line_of_an_address_counts_in_journals():
    gone = KEA.splitlines()[1].replace(",3600,", ",0,")
    assert leases(f"{KEA}{gone}\n") == ()
    assert leases(f"{KEA}{gone[:-20]}") == (ALICE,), "half a line, which Kea is just writing"
    other = KEA.splitlines()[1].replace("alice-phone", "bob&#x2cs-phone").replace(MAC, "02:00:00:00:00:11")
    assert leases(f"{KEA}{gone}\n{other}\n") == (Lease("02:00:00:00:00:11", ADDRESS, "bob,s-phone", UNTIL),)
    assert leases(KEA.replace(",0,\n", ",2,\n")) == ()  # reclaimed
    assert leases(ISC + ISC.replace("state active", "state free")) == ()
    assert leases(ISC + ISC.replace(MAC, "02:00:00:00:00:11"))[0].mac == "02:00:00:00:00:11"


def test_columns_of_kea_are_found_by_their_names():
    moved = f"address,expire,hostname,state,valid_lifetime,hwaddr\n{ADDRESS},{SECONDS},alice-phone,0,3600,{MAC}\n"
    assert leases(moved) == (ALICE,)


def test_addresses_of_kea_that_have_a_mac_are_read_and_prefixes_are_not():
    assert leases(KEA6) == (Lease(MAC, "2001:db8::20", "alice-phone", UNTIL),)


def test_a_file_of_isc_in_one_line_with_escapes_is_read():
    text = "lease 192.168.8.20 { ends epoch 1764000000; # Mon\n hardware ethernet 02:00:00:00:00:10; "
    text += 'client-hostname "caf\\303\\251 \\"x\\" {"; }'
    assert leases(text) == (Lease(MAC, ADDRESS, 'café "x" {', UNTIL),)


def test_networkd_before_it_saved_hardware_addresses_is_read():
    entry = {"ClientId": [1, 2, 0, 0, 0, 0, 16], "Address": [192, 168, 8, 20]}
    assert leases(json.dumps({"Leases": [entry]})) == (Lease(MAC, ADDRESS, "", None),)


def test_lines_of_odhcpd_that_had_other_fields_are_read():
    assert leases(f"# br-lan {MAC} ipv4 broken\\x20alice phone {SECONDS} {ADDRESS}/24\n")[0].hostname == "alice phone"
    assert leases(f"# br-lan 020000000010 ipv4 - {SECONDS} 8 32 {ADDRESS}/32\n")[0].hostname == ""
    assert leases(f"# br-lan 020000000010 ipv4 alice 0 8 32 {ADDRESS}/32\n") == ()  # has ended


@pytest.mark.parametrize(
    "text",
    [
        '{"Leases": ' + "[" * 100_000,
        '{"Leases": [{"Address": [1, 2, 3, 400], "HardwareAddress": "x", "ClientId": {}}, 5, null]}',
        '{"Leases": {"a": 1}}',
        '{"Leases": [{"Address": [1,2,3,4], "HardwareAddress": [2,0,0,0,0,1], "ExpirationRealtimeUSec": 1e400}]}',
        '{"Leases": [{"Address": [1,2,3,4], "HardwareAddress": [2,0,0,0,0,1], "ExpirationRealtimeUSec": '
        + "9" * 5000
        + "}]}",
        f"{KEA_HEADER}\n{ADDRESS},{MAC},,99999999999999999999,5,,,,,0,\n",
        "lease 1.2.3.4 { ends 5 9999/99/99 00:00:00; hardware ethernet 02:00:00:00:00:10; }",
        "lease 1.2.3.4 { ends epoch 999999999999999999; hardware ethernet 02:00:00:00:00:10; }",
        "lease { } } } { lease 1.2.3.4 { {",
    ],
)
def test_nonsense_is_no_lease(text):
    assert parse(text.encode()).leases == ()


@pytest.mark.parametrize(
    "begin", [b"", b'lease 1.2.3.4 {\n uid "', b"# br-lan 020000000010 ipv4 ", b"1 02:", b"address,"]
)
@pytest.mark.parametrize(
    "part", [b'\\"', b"{", b"(", b"\n", b"1", b"1 ", b"02:", b"a,", b'{"Leases"', b"\x00", b"# x 0000"]
)
def test_no_file_takes_long(begin, part):
    begun = time.monotonic()
    parse(begin + part * (MAX_BYTES // len(part)))
    assert time.monotonic() - begun < 5


PARTS = [part for text in FILES.values() for part in text.splitlines(keepends=True)]
PARTS += [
    "{",
    "}",
    ";",
    '"',
    "\\",
    ",",
    " ",
    "\n",
    "#",
    "lease ",
    "-1",
    "9" * 30,
    "\ufffd",
    "\x00",
    "[",
    "]",
    "ipv4",
    MAC,
]


@given(
    st.one_of(st.binary(max_size=300), st.lists(st.sampled_from(PARTS), max_size=30).map(lambda p: "".join(p).encode()))
)
def test_no_content_is_an_error(content):
    assert all(lease.mac and lease.address for lease in parse(content).leases)


@given(st.sampled_from(sorted(FILES)), st.data())
def test_no_cut_or_changed_byte_is_an_error(name, data):
    content = bytearray(FILES[name].encode())
    for _ in range(data.draw(st.integers(0, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    for lease in parse(bytes(content[: data.draw(st.integers(0, len(content)))])).leases:
        assert lease.mac

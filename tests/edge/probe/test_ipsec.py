# SPDX-License-Identifier: GPL-2.0-or-later
"""IPsec policies, as `ip xfrm policy` sets them."""

from tests.edge.probe.boxes import needs_root, on_a_box

POLICY = (
    "ip xfrm policy add src 192.168.8.0/24 dst 10.0.0.0/8 dir {} tmpl src 192.0.2.1 dst 192.0.2.2 proto esp mode tunnel"
)


@needs_root
def test_policies_for_what_leaves_are_counted() -> None:
    assert on_a_box("probe_ipsec.ipsec().policies") == 0
    setup = "\n".join((POLICY.format("out"), POLICY.format("in"), POLICY.format("fwd")))
    assert on_a_box("probe_ipsec.ipsec().policies", setup) == 1

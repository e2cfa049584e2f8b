# SPDX-License-Identifier: GPL-2.0-or-later
"""Room: what the bytes of a conversation were for. Packets and messages in, names and services out. Pure.

    packet.py      an IP packet          -> addresses, ports, payload, bytes as billed
    dns.py         a DNS message         -> the name asked for, and its addresses
    tls.py         a TLS ClientHello     -> the name of the server
    quic.py        QUIC Initials         -> the same hello
    http.py        the head of a request -> the name of the server
    patterns.py    a first payload       -> what else it is: calls, VPN, file sharing
    stream.py      pieces in any order   -> bytes in order
    conversation.py  all of a flow's first payloads -> its name, and how it is known
    catalogue.py   a name                -> service and category
    verdict.py     all of that           -> what the conversation was for
    flows.py       the packets of a capture       -> its conversations
    live.py        packets that the kernel copied -> what it shall count conversations as

What strangers have written is read here. So every reader is bounded, and says one of three things: a result,
`IncompleteError` (more bytes may help), or `MalformedError` (none will). Nothing else leaves a reader.
"""

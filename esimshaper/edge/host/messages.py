# SPDX-License-Identifier: GPL-2.0-or-later
"""The messages of the daemon in the journal: those of notices and its own, and the fields of these. Pure: values only.

systemd/esimshaper*.catalog explain each message to people, in their language: `journalctl -x`. The manual lists all.
"""

from collections.abc import Mapping
from enum import Enum

from esimshaper.core.model.notices import NoticeKind

MESSAGE_IDS: Mapping[NoticeKind, str] = {
    NoticeKind.QUOTA_WARNING: "944163c44a4b4946b7dfffa3c3aba569",
    NoticeKind.QUOTA_REACHED: "a19d455cdf444ddaa2ddca8889034070",
    NoticeKind.QUOTA_RENEWED: "ee239a61e31f4c47b2a42b648dc98847",
    NoticeKind.CLIENT_STATE: "8352a2f1c17a43c6a3d1af50b2eec60b",
    NoticeKind.GRANTED: "0a30ed7ce90c43228a4884c556dffce1",
    NoticeKind.REVOKED: "fc64234f4e3f44df8ff7a9fbe615ed24",
    NoticeKind.CORRECTED: "6948c3c82513408ba664707be115dfc4",
    NoticeKind.RESTARTED: "9b6f4670cd5b4effb6a38d99a874cad1",
    NoticeKind.COUNTED_BACK: "7c46e910e692439aa8e5acd0bfe0f1bf",
    NoticeKind.PLAN_BEGUN: "6965e52c33c948918ba036126245c4a3",
    NoticeKind.PLAN_RENEWED: "9c1f4d7a60e84b2d8a5e3b7f1c2d9e60",
    NoticeKind.PLAN_LOW: "de01bcf21503451b960790d39f43e254",
    NoticeKind.PLAN_OUT: "126734a98d1e4894a51d792eab8cb7e3",
    NoticeKind.PLAN_PRICE: "8abd1035f3164e2981c4e6211895ca7c",
    NoticeKind.PLAN_PAYS: "30a06fec210248678e15e78fe9a2376e",
    NoticeKind.PLAN_TOPPED_UP: "c9a55409328b49f3976d40c428ac6d2d",
    NoticeKind.PLAN_EXPIRES: "0daa5c54ddef4895bce7be01543aefc5",
    NoticeKind.PLAN_EXPIRED: "af6e130a727f406a8a20fb880c89092c",
    NoticeKind.PLAN_SWITCHED: "4454bc06e5844c9d8535861aaabf0eac",
    NoticeKind.PLAN_BY_HAND: "a8143c88059f4ec4bc7377d737f4e2d9",
    NoticeKind.PLAN_UNSURE: "a75a7e5f5a0d4e8aaa6789f34cc7e218",
    NoticeKind.SIM_UNKNOWN: "0042c0f2052545f5985a13bb21abff2f",
    NoticeKind.LINK_SLOW: "d0c4a1f76b0e4f5c9b61c0a3e2f47d18",
    NoticeKind.UPLINK_LOST: "5e8a2c1b9d3f47a6b0c4e7d1f8a3956c",
    NoticeKind.UPLINK_BACK: "e1b7c94a2f5d4830a96d0b3e7c81f52a",
    NoticeKind.ALARM: "2f0b61c5a3f74c1e8a1c6f6e9d0b7a44",
    NoticeKind.ALARM_MORE: "7c9d8e1f20a14b6f9b35c4d2e8f1a605",
    NoticeKind.ALARM_END: "b34e5a6d7c8f4f02a9d1e0c3b2a49586",
    NoticeKind.APPROVAL: "91c4d3a7e5b04f6fa0d2786b1e9c5f38",
    NoticeKind.APPROVALS_DUE: "c7a5f0e2936b4d1d8f4c0b6a7e213d95",
    NoticeKind.TEST: "3f6d0e9b8a1c4d72b5e4907c6a2f1d83",
}
"""MESSAGE_IDs never change: people and programs search for them. All but those of TOLD_OTHERWISE."""

SUMMED_UP_ID = "0d54395bb9684a91b100ef8b8625188f"
"""Of a notice of any kind that is about many devices at once."""


class Message(Enum):
    """MESSAGE_ID, which never changes, and topic. Messages of one topic about the same thing share one rate limit."""

    COUNTING = ("d4d22683f2104e92b56c52448fe1bf9e", "counting")
    NOT_COUNTING = ("e2b9588899b3455db00886cf809bd634", "counting")
    NO_SECOND_LOOK = ("d31f0b9c7a5e4c0f8b62e4f7190ac35d", "second look")
    PROGRAM_RESTORED = ("b5e6b4d7d9174f31b2d3faec35e0fe55", "program")
    CLASSES_RESTORED = ("d6f2b33ae635492e8576b41ab0a3c1ff", "classes")
    REFUSALS_RESTORED = ("4fb0feda887249bea166b22db67139b6", "refusals")
    LIMITS_FAILING = ("576825f0afca4de5b325e3521e9b66d5", "limits")
    LIMITS_WORKING = ("a07824b5c9954757bac7b3b334d24d90", "limits")
    LINK_HELD = ("eeeed410ed904394951ce9ab934c8810", "link")
    HISTORY_FAILING = ("065cbab2f5214c568b2b33c60b0de39a", "history")
    HISTORY_WORKING = ("fbc8d4596ce845e28e454ee28f438f81", "history")
    HISTORY_ANEW = ("dee2f0a03e6248f5b4308c4a81761135", "history anew")
    METRICS_FAILING = ("7b0c5e2f4f3d4f0f9a7e1d6c8b25a9e3", "metrics")
    CLIENT_NEW = ("88d07c4f2b1e48ecb508ca5be6122482", "new client")
    CLIENTS_FULL = ("df6598012eb244a3a4cf3b046870c9cc", "clients full")
    CLIENT_IMITATED = ("5c1d9a7e4b0f4f6e8f0b6f3f1a2d7c94", "client imitated")
    START_FAILED = ("26abe5d747a64aa4a7904f00fb65c673", "start")
    GUARD_FAILING = ("b5fa98c61db041d1ac1413eade2deb67", "guard")
    UPLINK_RENAMED = ("f9981e904b994f57b6b410ca967af414", "uplink")
    DETOUR = ("3d1c8e5f7a2b4c6d9e0f1a2b3c4d5e6f", "detour")
    CONFIG_APPLIED = ("86a59c68e2104820ae1affe7e76e26bb", "configuration")
    CONFIG_REFUSED = ("40a938db0127486196cbc9520ccc218b", "configuration")
    LIST_REFUSED = ("5b0a7d1c94e64f2f8c37e2d9a6b180f3", "block lists")
    LISTS_GREEDY = ("c2e86f0b3a7d4951b4d1f7095e3ac86d", "refused names")
    LISTS_MODEST = ("91d4b7e02c5f4a68a3f09d6e7b1c25f8", "refused names")
    ZONE_UNKNOWN = ("5c1f0d6e8a7b4d0c9f1e27a3b6d84c55", "time zone")
    STARTED = ("0faa855f8aef4ecfb872843f4901bcef", "started")
    STOPPED = ("258ddf9e896645d2a590a17ec8d71241", "stopped")
    PAGE_LOGIN = ("4f0c2d5be6f4437c9f3a6f0d1a8e7b21", "page")
    PAGE_GUESS = ("b80f1f4d2c0a4b7d8c5e9a3d6e71f042", "page")
    PAGE_BESIEGED = ("d94c7e1a5b3f4e08a6d2c1f09b7e8a35", "page")
    PAGE_ASKED = ("1e6a9b0c7d2f4835b4c8f5a1e3d90762", "page")
    PAGE_ACT = ("73d5f8e2a1c94b60b7e4d3096c2f1a58", "page")

    @property
    def id(self) -> str:
        return self.value[0]

    @property
    def kind(self) -> str:
        """The word for it in `esimshaper events --json`."""
        return self.name.lower().replace("_", "-")


ALWAYS_TOLD = frozenset(each.id for each in Message if each.name.startswith("PAGE_"))
"""What people do on the page: none may be missing, and the page itself bounds how often they come."""


def fields(message: Message, *, interface: str = "", client: str = "", config: str = "") -> dict[str, str]:
    """The fields that make a line of the log this `message`: `log.info(text, extra=fields(...))`. `client` is the label
    of metrics, `config` the path of the file.
    """
    topic = " ".join((message.value[1], interface)).strip()
    found = {"MESSAGE_ID": message.id, "about": topic, "ESIMSHAPER_INTERFACE": interface, "ESIMSHAPER_CLIENT": client}
    found["ESIMSHAPER_CONFIG"] = config
    return {name: value for name, value in found.items() if value}

# SPDX-License-Identifier: GPL-2.0-or-later
"""What is said of the terms of a plan, in English, Chinese and Japanese. Pure: texts only.

Each phrase has the same places in all languages. `|` stands between the forms for one and for several.
"""

from collections.abc import Mapping

LANGUAGES = ("en", "zh", "ja")

PHRASES: Mapping[str, tuple[str, str, str]] = {
    # a length, and where it ends
    "hours": ("{n} hour|{n} hours", "{n} 小时", "{n} 時間"),
    "days": ("{n} day|{n} days", "{n} 天", "{n} 日間"),
    "months": ("{n} month|{n} months", "{n} 个月", "{n} か月"),
    "exact": ("{length}, to the minute", "{length}（精确到分钟）", "{length}（分単位）"),
    "midnight": (
        "{length}, to midnight at the end of the last day; the day of the start is the first",
        "{length}，到最后一天的午夜为止，开始当天算第一天",
        "{length}、最終日の終わりの午前 0 時まで、開始日を 1 日目とする",
    ),
    "midnight-after": (
        "{length}, and on to the midnight after that",
        "{length}，再延到其后的午夜",
        "{length}、さらにその後の午前 0 時まで",
    ),
    "first-use": ("the first use", "首次使用", "最初の利用"),
    "purchase": ("the purchase", "购买", "購入"),
    "install": ("the installation", "安装", "インストール"),
    # the plan
    "price": ("It costs {money}.", "价格为 {money}。", "料金は {money} です。"),
    "price-each": (
        "It costs {money}, and the same again each time it renews itself.",
        "价格为 {money}，每次续订再付一次。",
        "料金は {money} で、更新のたびに同じ額がかかります。",
    ),
    "forever": ("It has no end.", "没有期限。", "期限はありません。"),
    "lasts": ("It lasts from {start}: {length}.", "从{start}起有效：{length}。", "{start}から有効：{length}。"),
    "renews": ("Then it renews itself.", "到期后自动续订。", "終わると自動で更新されます。"),
    "by": (
        "Its clock starts at the latest {length} after {event}.",
        "最迟在{event}后 {length}开始计时。",
        "遅くとも{event}の {length}後に始まります。",
    ),
    "started": (
        "Known so far: {event} on {moment}.",
        "已知：{event}于 {moment}。",
        "わかっていること：{event}は {moment}。",
    ),
    "zone": (
        "Its days and months begin at midnight in {zone}.",
        "每天和每月从 {zone} 时间的午夜开始。",
        "日と月は {zone} の午前 0 時に始まります。",
    ),
    "binary": (
        "Its GB is 1,073,741,824 bytes.",
        "这里的 1 GB 是 1,073,741,824 字节。",
        "ここでの 1 GB は 1,073,741,824 バイトです。",
    ),
    "round-session": (
        "Each session of the modem is rounded up to a multiple of {size}.",
        "调制解调器的每次会话向上取整到 {size} 的倍数。",
        "モデムの接続ごとに {size} の倍数に切り上げられます。",
    ),
    "round-day": (
        "The sum of each day is rounded up to a multiple of {size}.",
        "每天的总量向上取整到 {size} 的倍数。",
        "1 日の合計ごとに {size} の倍数に切り上げられます。",
    ),
    "round-total": (
        "The total is rounded up to a multiple of {size}.",
        "总量向上取整到 {size} 的倍数。",
        "合計は {size} の倍数に切り上げられます。",
    ),
    "free-hours": ("Nothing is counted {hours}.", "{hours} 不计流量。", "{hours} は数えられません。"),
    "free-service": (
        "The service {service} is not counted.",
        "服务 {service} 不计流量。",
        "サービス {service} は数えられません。",
    ),
    "nothing": ("Nothing is counted.", "什么都不计。", "何も数えられません。"),
    # a meter
    "meter": ("{counts}, {window}:", "{counts}，{window}：", "{counts}、{window}："),
    "all": ("All data", "全部流量", "すべての通信"),
    "roaming": ("Data abroad", "漫游流量", "ローミングの通信"),
    "tether": (
        "Data of devices behind the SIM, which is all that passes a router",
        "热点流量（经过路由器的都是）",
        "テザリングの通信（ルーターを通るものすべて）",
    ),
    "throttled": ("Data that passes while it is slow", "限速期间的流量", "低速の間の通信"),
    "window-lifetime": ("over the whole lifetime", "整个有效期内", "有効期間全体で"),
    "window-hour": ("in each hour of the clock", "每个整点小时", "時計の 1 時間ごとに"),
    "window-day": ("in each day", "每天", "1 日ごとに"),
    "window-week": ("in each week from Monday", "每周（从周一起）", "月曜からの 1 週間ごとに"),
    "window-month": ("in each month of the calendar", "每个自然月", "暦の 1 か月ごとに"),
    "window-blocks": (
        "in each window from {start} on ({length})",
        "从{start}起的每个周期（{length}）",
        "{start}からの期間ごとに（{length}）",
    ),
    "window-once": (
        "in one window from {start} on ({length})",
        "从{start}起的一个周期（{length}）",
        "{start}からの 1 回の期間に（{length}）",
    ),
    "window-each-use": (
        "in a window that begins with use when the one before is over ({length})",
        "每次使用时开始的周期（{length}）",
        "利用のたびに始まる期間ごとに（{length}）",
    ),
    "window-last": (
        "in the last {length}, today included",
        "最近 {length}（含今天）",
        "今日を含む直近 {length}に",
    ),
    "line": ("{range}: {what}", "{range}：{what}", "{range}：{what}"),
    "any": ("any amount", "任意流量", "どれだけでも"),
    "up-to": ("up to {end}", "到 {end} 为止", "{end} まで"),
    "between": ("above {start}, up to {end}", "超过 {start}，到 {end} 为止", "{start} を超え {end} まで"),
    "above": ("above {start}", "超过 {start}", "{start} を超えると"),
    "window-price": ("{money}", "{money}", "{money}"),
    "adds": ("{money} for each {size} begun", "每 {size}（不足也算）{money}", "{size} ごと（端数も）に {money}"),
    "full": ("full speed", "全速", "制限なし"),
    "rate": ("{rate}", "{rate}", "{rate}"),
    "stop": ("nothing passes", "断网", "通信できない"),
    "in-hours": ("{what} {hours}", "{hours} {what}", "{hours} に {what}"),
    "next-day": ("{what} on the following day", "次日 {what}", "翌日は {what}"),
    "at-most": (
        "never more than {money} in a window",
        "每个周期最多 {money}",
        "1 期間の上限は {money}",
    ),
    "beyond": ("beyond that: {what}", "超过以后：{what}", "それを超えると：{what}"),
    "after": ("after that window: {what}", "该周期过后：{what}", "その期間の後：{what}"),
    "first": ("in the first window: {what}", "第一个周期：{what}", "最初の期間：{what}"),
    "rollover": (
        "what is left over can be used for one window more|what is left over can be used for {n} windows more",
        "剩余流量可再用 {n} 个周期",
        "残りは次の {n} 期間まで使えます",
    ),
    # a top-up
    "top-up": (
        "More can be bought: {lot} for {money}, {until}.",
        "可加购：{lot}，{money}，{until}。",
        "追加購入：{lot}、{money}、{until}。",
    ),
    "unlimited": ("unlimited data", "不限量", "無制限"),
    "until-length": ("for {length}", "{length}", "{length}"),
    "until-month-end": ("until the end of the month", "到月底", "月末まで"),
    "until-plan": ("as long as the plan", "与套餐同时到期", "プランの終わりまで"),
    "longest": (
        "The plan then ends at the later of its own end and that.",
        "套餐到期日取两者中较晚的。",
        "プランの終わりは遅い方になります。",
    ),
    "restart": (
        "The plan then begins its time anew.",
        "套餐有效期重新计算。",
        "プランの期間は最初から数え直されます。",
    ),
    "adds-days": (
        "The plan then lasts one day longer; if it is over already, to the end of that day.|"
        "The plan then lasts {n} days longer; if it is over already, to the end of that day.",
        "套餐延长 {n} 天；若已到期，则到当天结束为止。",
        "プランは {n} 日延びます。すでに終わっていれば、その日の終わりまでです。",
    ),
    "auto": (
        "It is bought by itself as soon as nothing is left.",
        "用完时自动加购。",
        "残りがなくなると自動で購入されます。",
    ),
    # whose it is, and where it is from
    "uplink": ("It belongs to the uplink {name}.", "属于上行链路 {name}。", "アップリンク {name} のプランです。"),
    "iccid_end": (
        "It belongs to the SIM that ends in {name}.",
        "属于尾号 {name} 的 SIM。",
        "末尾が {name} の SIM のプランです。",
    ),
    "ssid": ("It belongs to the Wi-Fi network {name}.", "属于 Wi-Fi 网络 {name}。", "Wi-Fi {name} のプランです。"),
    "interface": ("It belongs to the interface {name}.", "属于接口 {name}。", "インターフェース {name} のプランです。"),
    "seen": (
        "These terms were read on {day}; look at your own contract.",
        "条款读于 {day}；请查看您自己的合同。",
        "この条件は {day} に読んだものです。ご自身の契約を確かめてください。",
    ),
    "note": ("Note: {text}", "说明：{text}", "注：{text}"),
}

SEPARATORS = (", ", "，", "、")
"""What stands between the parts of a line."""


def phrase(name: str, language: str, number: int = 2, /, **places: object) -> str:
    """A phrase with its places filled; `number` chooses between the forms for one and for several."""
    one, _, several = PHRASES[name][LANGUAGES.index(language)].partition("|")
    return (one if number == 1 or not several else several).format(n=number, **places)

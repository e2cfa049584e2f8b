# SPDX-License-Identifier: GPL-2.0-or-later
"""Amounts of money: codes of currencies (ISO 4217), their decimals, exact amounts as texts. Pure; never a float."""

from decimal import Decimal

_CODES = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLF CLP
CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR
ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT
MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD
SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES
VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG
"""
_NONE, _THREE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF", "BHD IQD JOD KWD LYD OMR TND"

CURRENCIES = frozenset(_CODES.split())
_DIGITS = {**dict.fromkeys(_NONE.split(), 0), **dict.fromkeys(_THREE.split(), 3), "CLF": 4}


def digits_of(currency: str) -> int:
    """The decimals of a currency in shops: 2 for most."""
    return _DIGITS.get(currency, 2)


def write_money(amount: Decimal, currency: str) -> str:
    """An amount for programs, exactly, with at least the decimals of its currency: `990`, `12.50`, `0.004`."""
    least = digits_of(currency)
    written = format(amount.normalize(), "f")
    whole, _, decimals = written.partition(".")
    decimals = decimals.ljust(least, "0")
    return f"{whole}.{decimals}" if decimals else whole


def format_money(written: str, currency: str) -> str:
    """What `write_money` has written, for people: `1,100 JPY`."""
    whole, dot, decimals = written.partition(".")
    return f"{int(whole):,}{dot}{decimals} {currency}".strip()

# SPDX-License-Identifier: GPL-2.0-or-later
"""Watches a film in Chromium for a while. Run by .venv/browser/bin/python in the namespace of a device.

A job comes as JSON on stdin: {"chromium", "options", "url", "seconds"}; the page's `watched()` goes to stdout.
"""

import asyncio
import json
import sys
from typing import Any

from playwright.async_api import async_playwright

PATIENCE = 3.0
"""So many times the seconds to be watched a film may take, with its start and all stalls."""
LOADING = 60.0
EVERY = 0.25
OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--autoplay-policy=no-user-gesture-required",
)


async def main(job: dict[str, Any]) -> dict[str, Any]:
    """What `watched()` of the page says once so much was watched, or something is wrong."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=job["chromium"], args=[*OPTIONS, *job["options"]], timeout=120_000
        )
        page = await browser.new_page(ignore_https_errors=True)
        await page.goto(job["url"], timeout=LOADING * 1000)
        left = LOADING + PATIENCE * job["seconds"]
        seen: dict[str, Any] = await page.evaluate("watched()")
        while seen["watched"] < job["seconds"] and not seen["problem"] and left > 0:
            await asyncio.sleep(EVERY)
            left -= EVERY
            seen = await page.evaluate("watched()")
        await browser.close()
    return seen


if __name__ == "__main__":
    json.dump(asyncio.run(main(json.load(sys.stdin))), sys.stdout)

# SPDX-License-Identifier: GPL-2.0-or-later
"""A page that is left open: numbers move, and when nobody answers it says so. Run by .venv/browser/bin/python.

A job comes as JSON on stdin: {"chromium", "url"} of a page with `left`; what was seen goes to stdout as JSON.
"""

import asyncio
import json
import sys

from playwright.async_api import Route, async_playwright

PATIENCE = 30_000  # ms


async def main(job: dict) -> dict:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=job["chromium"], args=("--no-sandbox",))
        page = await browser.new_page()
        answer: dict = {"status": 503}

        async def give(route: Route) -> None:
            await route.fulfill(**answer)

        await page.route(lambda url: "json" in url.partition("?")[2], give)
        await page.goto(job["url"])
        shape = await page.locator("#main").get_attribute("data-shape")
        await page.locator("#stale").wait_for(state="visible", timeout=PATIENCE)
        values = {"live": {"left": "42 MB"}, "meters": {"left": 8}, "shape": shape}
        answer |= {"status": 200, "json": values}
        await page.locator("[data-live=left]", has_text="42 MB").wait_for(timeout=PATIENCE)
        await page.locator("#stale").wait_for(state="hidden", timeout=PATIENCE)
        meter = page.locator("[data-meter=left]")
        seen = {"meter": await meter.get_attribute("aria-valuenow")}
        seen["width"] = await meter.locator("rect").get_attribute("width")
        answer["json"] = values | {"shape": "another"}
        await page.locator("[data-live=left]", has_text="69.0").wait_for(timeout=PATIENCE)  # the page was fetched anew
        await browser.close()
    return seen


if __name__ == "__main__":
    json.dump(asyncio.run(main(json.load(sys.stdin))), sys.stdout)

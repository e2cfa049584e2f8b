# SPDX-License-Identifier: GPL-2.0-or-later
"""Two people with two browsers: a phone asks for 300 MB, the owner gives them, the phone shows it by itself.

Run by .venv/browser/bin/python, as audit.py. A job comes as JSON on stdin: {"chromium", "phone": URL, "owner": URL,
"password", "locale", "text": what for, "scheme", "shots": folder or "", "handy": both have phones, and pictures show
what fits on one}; what was seen goes to stdout as JSON.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

from playwright.async_api import Page, async_playwright

FLAGS = ("--no-sandbox", "--disable-gpu")
AMOUNT = "button[name=bytes][value='300000000']"
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
PATIENCE = 30_000  # ms: nobody is kept waiting for so long on a machine with nothing else to do


async def main(job: dict) -> dict:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=job["chromium"], args=FLAGS)
        both = {"locale": job["locale"], "color_scheme": job["scheme"]}
        handy = {**PHONE, "device_scale_factor": 1} if job["handy"] else {}
        phone, owner = [
            await (await browser.new_context(**both, **(handy or PHONE))).new_page(),
            await (await browser.new_context(**both, **handy, java_script_enabled=False)).new_page(),
        ]
        seen = await story(job, phone, owner)
        await browser.close()
    return seen


async def story(job: dict, phone: Page, owner: Page) -> dict:
    """The owner's browser has no JavaScript at all."""
    await phone.goto(job["phone"])
    before = await phone.locator("[data-live=left]").inner_text()
    await shot(job, phone, "first")
    await phone.locator("#text").fill(job["text"])
    await phone.locator(f"#more {AMOUNT}").tap()
    await phone.locator(".answer").wait_for(timeout=PATIENCE)
    asked = await phone.locator(".answer").inner_text()
    await shot(job, phone, "asked")

    await owner.goto(f"{job['owner']}home")
    await owner.locator("#password").fill(job["password"])
    await owner.locator("button.main").click()
    await owner.locator(".question").wait_for(timeout=PATIENCE)
    text = await owner.locator(".question .quote").inner_text()
    await shot(job, owner, "home")
    await owner.locator(f".question {AMOUNT}").click()
    await owner.locator(".said").wait_for(timeout=PATIENCE)
    began = time.monotonic()

    await phone.locator(".answer.given").wait_for(timeout=PATIENCE)
    seconds = time.monotonic() - began
    await shot(job, phone, "given")
    return {
        "language": await phone.locator("html").get_attribute("lang"),
        "before": before,
        "asked": asked,
        "text": text,
        "said": await owner.locator(".said").inner_text(),
        "given": await phone.locator(".answer.given").inner_text(),
        "after": await phone.locator("[data-live=left]").inner_text(),
        "seconds": round(seconds, 2),
    }


async def shot(job: dict, page: Page, name: str) -> None:
    if job["shots"]:
        await page.screenshot(path=Path(job["shots"], f"story-{name}-{job['locale']}.png"), full_page=not job["handy"])


if __name__ == "__main__":
    json.dump(asyncio.run(main(json.load(sys.stdin))), sys.stdout)

# SPDX-License-Identifier: GPL-2.0-or-later
"""Looks at pages with Chromium and axe-core: run by .venv/browser/bin/python, as playwright is no library of Debian's.

A job comes as JSON on stdin: {"chromium", "pages": {name: URL}, "widths", "schemes", "script": bool, "thorough": bool,
"shots": folder or "", "whole": bool, of a picture}. What is wrong goes to stdout as JSON, a list of sentences that
begin with the page's name.
"""

import asyncio
import json
import sys
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from playwright.async_api import BrowserContext, Page, async_playwright

AT_ONCE = 3
HEIGHT = 844
FLAGS = ("--no-sandbox", "--disable-gpu", "--force-color-profile=srgb")
AXE = Path(find_spec("axe_playwright_python").submodule_search_locations[0], "axe.min.js").read_text()
RUN = """async (rules) => {
    const found = await axe.run(document, {resultTypes: ["violations"], ...rules});
    return found.violations.map((each) => `${each.id}: ${each.help}: ${each.nodes.map((node) =>
        node.html.slice(0, 120) + " " + node.any.map((check) => check.message).join("; ")).join(" | ")}`);
}"""
ALL: dict = {}
OF_COLOURS = {"runOnly": ["color-contrast", "link-in-text-block"]}
OF_SIZES = {"runOnly": ["target-size", "scrollable-region-focusable"]}
WIDE = """() => [document.documentElement.scrollWidth, [...document.querySelectorAll("body *")]
    .filter((each) => each.getBoundingClientRect().right > innerWidth + 1 && !each.closest(".skip"))
    .slice(0, 3).map((each) => each.outerHTML.slice(0, 100))]"""
LARGE = "(size) => document.documentElement.style.setProperty('font-size', size)"


async def main(job: dict) -> list[str]:
    left = list(job["pages"].items())[::-1]
    wrong: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=job["chromium"], args=FLAGS)
        contexts = [await browser.new_context(viewport={"width": 390, "height": HEIGHT}) for _ in range(AT_ONCE)]
        await asyncio.gather(*(work(context, job, left, wrong) for context in contexts))
        await browser.close()
    return sorted(wrong)


async def work(context: BrowserContext, job: dict, left: list[tuple[str, str]], wrong: list[str]) -> None:
    """One tab, which looks at what is left."""
    page, now = await context.new_page(), ["", ""]

    def say(text: str) -> None:
        wrong.append(f"{now[0]}: {text}")

    def is_foreign(url: str) -> bool:
        return urlsplit(url)[:2] != urlsplit(now[1])[:2]

    page.on("request", lambda request: say(f"asks {request.url}") if is_foreign(request.url) else None)
    page.on("console", lambda message: say(f"console: {message.text}") if message.type == "error" else None)
    page.on("pageerror", lambda error: say(f"script: {error}"))
    if not job["script"]:
        await page.route("**/*.js", lambda route: route.fulfill(body="", content_type="text/javascript"))
    while left:
        now[:] = left.pop()
        await page.goto(now[1])
        await page.evaluate(AXE)
        for text in await look(page, job, now[0]):
            say(text)


async def look(page: Page, job: dict, name: str) -> list[str]:
    """Each scheme at each width, by the rules of axe for which that may matter."""
    wrong = []
    for scheme in job["schemes"]:
        await page.emulate_media(color_scheme=scheme)
        for width in job["widths"]:
            await page.set_viewport_size({"width": width, "height": HEIGHT})
            found = await page.evaluate(RUN, rules_for(job, scheme, width))
            wrong += [f"{scheme}, {width} px: {each}" for each in (*found, *await too_wide(page, width))]
            if job["shots"]:
                place = Path(job["shots"], f"{name.replace('/', '-')}-{scheme}-{width}.png")
                await page.screenshot(path=place, full_page=job["whole"])
    return wrong + await large(page, job)


def rules_for(job: dict, scheme: str, width: int) -> dict:
    """All rules on the narrowest and the widest screen, which may show other things."""
    widths = job["widths"]
    if job["thorough"] or (scheme == job["schemes"][0] and width in (widths[0], widths[-1])):
        return ALL
    return OF_COLOURS if width == widths[0] else OF_SIZES


async def large(page: Page, job: dict) -> list[str]:
    """With text of twice the size on the narrowest screen nothing may be wider than that."""
    width = min(job["widths"])
    await page.set_viewport_size({"width": width, "height": HEIGHT})
    await page.evaluate(LARGE, "200%")
    return [f"large text: {each}" for each in await too_wide(page, width)]


async def too_wide(page: Page, width: int) -> list[str]:
    wide, what = await page.evaluate(WIDE)
    return [f"{wide} px wide: {', '.join(what)}"] if wide > width else []


if __name__ == "__main__":
    json.dump(asyncio.run(main(json.load(sys.stdin))), sys.stdout)

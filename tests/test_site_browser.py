"""The site in a browser: search, sheets on one page of A4, a phone, a wide screen, print."""

import base64
import json
import re

import cheat_sheets
import course
import pages
import pytest
import site_search

from tests import browser
from tests.test_site import chapter, page  # noqa: F401 (fixtures)

pytestmark = pytest.mark.skipif(browser.PROGRAM is None, reason="there is no Chromium here")


def test_search_finds_by_beginnings_of_words_and_by_keys(chapter, tmp_path):  # noqa: F811
    entries = site_search.chapter_entries(chapter, "1. A split")
    described = [pages.describe(chapter)]
    index = tmp_path / "index.html"
    html = pages.contents_page(described, {chapter.stem: 1.0}, set(), {}, entries)
    index.write_text(html, encoding="utf-8")
    with browser.opened(index, tmp_path / "profile") as tab:
        tab.wait_for("document.readyState === 'complete' && !document.forms[0].hidden")

        def find(words):
            tab.value(f"document.getElementById('find').value = {json.dumps(words)}")
            tab.value("document.getElementById('find').dispatchEvent(new Event('input'))")
            links = "[...document.querySelectorAll('#results a')].map(a => a.getAttribute('href'))"
            return tab.value(links), tab.value("document.getElementById('found').textContent")

        assert find("discrim FACES") == (["01_mean.html#section-2"], "1 place")
        assert tab.value("document.querySelector('#results mark').textContent") == "Discrim"
        assert find("scriminators") == ([], "Nothing found.")
        assert find(".*") == ([], "Nothing found.")
        assert find("a")[1] == ""
        find("objectives")
        tab.value("document.getElementById('find').focus()")
        for key, place in (("ArrowDown", "A"), ("ArrowUp", "INPUT")):
            tab.ask("Input.dispatchKeyEvent", type="keyDown", key=key)
            assert tab.value("document.activeElement.tagName") == place
        assert tab.complaints == []


def test_every_sheet_prints_on_one_page_and_fits_a_phone(tmp_path):
    chapters = course.find_chapters()
    first = tmp_path / "first.html"
    first.write_text("", encoding="utf-8")
    with browser.opened(first, tmp_path / "profile") as tab:
        for chapter in chapters:
            own = pages.describe(chapter)
            sheet = tmp_path / cheat_sheets.name(chapter.stem)
            html = cheat_sheets.sheet(chapter, own.title, own.question, chapter.parent)
            sheet.write_text(html, encoding="utf-8")
            tab.ask("Page.navigate", url=sheet.as_uri())
            tab.wait_for(
                f"document.readyState === 'complete' && location.href.includes('{sheet.name}')"
            )
            tab.ask("Emulation.setDeviceMetricsOverride", width=360, height=700,
                    deviceScaleFactor=1, mobile=True)  # fmt: skip
            assert tab.value("document.documentElement.scrollWidth") == 360, sheet.name
            printed = tab.ask("Page.printToPDF", preferCSSPageSize=True)["data"]
            assert len(re.findall(rb"/Type\s*/Page\b", base64.b64decode(printed))) == 1, sheet.name


def test_a_chapter_fits_a_phone_and_shows_its_list_beside_a_wide_text(chapter, page, tmp_path):  # noqa: F811
    path = tmp_path / "page.html"
    path.write_text(str(page), encoding="utf-8")
    closed = "document.querySelector('.text details').open"
    body = "document.querySelector('.text details p')"
    with browser.opened(path, tmp_path / "profile") as tab:
        tab.wait_for("document.readyState === 'complete'")
        for width, wide in ((360, False), (1400, True)):
            tab.ask("Emulation.setDeviceMetricsOverride", width=width, height=700,
                    deviceScaleFactor=1, mobile=not wide)  # fmt: skip
            assert tab.value("document.documentElement.scrollWidth") <= width
            assert tab.value("document.querySelector('.toc li').checkVisibility("
                             "{contentVisibilityAuto: true})") == wide  # fmt: skip
        tab.ask("Emulation.setEmulatedMedia", media="print")
        assert tab.value(closed) is False
        assert tab.value(f"{body}.checkVisibility()") is True
        for gone in ("nav", ".toc", ".progress", ".own"):
            assert tab.value(f"document.querySelector('{gone}').checkVisibility()") is False

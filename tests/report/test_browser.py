"""The site in a real browser: the explorer, links into it, curves, narrow screens, paper, and who cannot see it.

Needs Debian's `chromium` and the package `playwright`; without one of them these tests are skipped.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.analysis.verdicts import SuiteVerdict
from harness.report import write_report
from harness.runner.store import Store
from tests.analysis import synthetic
from tests.report.conftest import rows
from tests.report.test_site import HOSTILE, hostile_verdict

CHROMIUM = shutil.which("chromium")
ARGUMENTS = ["--no-sandbox", "--headless", "--disable-gpu", "--disable-background-networking"]
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: apt-get install chromium")
playwright = pytest.importorskip("playwright.sync_api", reason="no playwright here: pip install playwright")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe-playwright-python here")

PAGES = ["index", "paper-paper-a", "run-sample-reduced", "method-darts-v1", "audit", "explorer"]
SMALLEST = 9.0  # pixels of text


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        running = started.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, paper: SuiteVerdict, reduced: SuiteVerdict) -> Path:
    """A site with records beside it."""
    root = tmp_path_factory.mktemp("browser")
    store, planned = Store(root / "results"), synthetic.plan(paper.loaded)
    for record in synthetic.records_of(planned, {"t1/darts": [54.0, 54.3, 54.6]}):
        store.write(record)
    write_report([paper, reduced], root / "site", store.root)
    return root / "site"


class Visit:
    """A page that is open, and what went wrong on it: messages of its console, requests to elsewhere."""

    def __init__(self, browser: Any, folder: Path, **options: Any) -> None:
        self.folder, self.wrong = folder, list[str]()
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.page.on("console", lambda message: self.wrong.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("request", self._asked)

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((self.folder.as_uri(), "data:")):
            self.wrong.append(f"asks for {request.url}")

    def go(self, address: str) -> Any:
        self.page.goto(f"{self.folder.as_uri()}/{address}")
        return self.page


@pytest.fixture
def visit(browser: Any, folder: Path) -> Iterator[Visit]:
    """A visitor to whom nothing may go wrong."""
    visitor = Visit(browser, folder)
    yield visitor
    visitor.context.close()
    assert visitor.wrong == []


def shown(page: Any, column: int = 0) -> list[str]:
    """Return the texts of a column of the explorer's table."""
    return [str(text) for text in page.locator(f"#rows tbody td:nth-child({column + 1})").all_inner_texts()]


def test_the_explorer_filters_searches_and_sorts(visit: Visit, folder: Path) -> None:
    page, numbers = visit.go("explorer.html#view=numbers"), rows(folder, "numbers")
    assert shown(page) == [row["id"] for row in numbers] and len(numbers) < 25
    page.select_option("#f-reproduction", "DRIFT")
    assert shown(page) == [row["id"] for row in numbers if row["reproduction"] == "DRIFT"] != []
    assert "reproduction=DRIFT" in page.url
    page.select_option("#f-reproduction", "")
    page.fill("#q", "exchanged")
    found = {row["id"] for row in numbers if "exchanged" in str(row).lower()}
    assert set(shown(page)) == found and 0 < len(found) < len(numbers)
    page.fill("#q", "")
    page.get_by_role("columnheader", name="printed").click()
    page.wait_for_function("location.hash.includes('sort=printed')")  # a table is sorted a moment later
    printed = [float(text.split()[0].rstrip("%")) for text in shown(page, 5) if text]
    assert printed == sorted(printed)
    assert page.get_by_role("columnheader", name="printed").get_attribute("aria-sort") == "ascending"


def test_an_address_brings_back_what_was_chosen(visit: Visit, folder: Path) -> None:
    page = visit.go("explorer.html#view=trials&state=failed&q=ex-darts&sort=seed%20desc")
    failed = [row for row in rows(folder, "trials") if row["state"] == "failed"]
    assert shown(page) == [row["id"] for row in failed if row["method"] == "ex-darts"] != []
    assert page.input_value("#q") == "ex-darts" and page.input_value("#f-state") == "failed"
    assert page.get_by_role("columnheader", name="seed").get_attribute("aria-sort") == "descending"
    page.click("#to-numbers")
    assert "Printed numbers" in page.inner_text("#rows caption") and page.input_value("#q") == ""


def test_from_a_number_to_its_record_and_its_command(visit: Visit) -> None:
    page = visit.go("paper-paper-a.html")
    page.locator("a[href*='row=sample%3At1%2Fdarts%2Fc10']").first.click()
    detail = page.locator("#detail")
    assert detail.locator("h2").inner_text() == "sample:t1/darts/c10"
    assert "--profile paper -t t1 -m darts-v1 --seeds 0-2" in detail.locator("pre").inner_text()
    assert "chosen" in page.locator("tr[data-id='sample:t1/darts/c10']").get_attribute("class")
    with page.expect_download() as started:
        detail.get_by_role("link", name="records/").first.click()
    assert started.value.suggested_filename.endswith(".json.gz") and not started.value.failure()
    detail.get_by_role("link", name="explorer.html").click()
    assert len(shown(page)) == 3 and "view=trials" in page.url  # its three seeds
    page.locator("#rows tbody a").first.click()
    assert page.locator("#detail pre").inner_text().endswith("--seeds 0 --results again")
    page.get_by_role("button", name="close").click()
    assert not detail.is_visible() and "row=" not in page.url


def test_a_row_that_is_not_there_is_said_to_be_missing(visit: Visit) -> None:
    page = visit.go("explorer.html#view=numbers&row=<img src=x>")
    assert page.inner_text("#detail") == "There is no such row: <img src=x>"


def test_curves_tell_their_values_and_lines_go(visit: Visit) -> None:
    page = visit.go("run-sample-reduced.html")
    panel = page.locator("#accuracy-sample-reduced-0")
    canvas = panel.locator(".u-over")
    box = canvas.bounding_box()
    canvas.hover(position={"x": box["width"] - 2, "y": box["height"] / 2})
    assert "epoch of the search 4" in panel.locator(".values").inner_text()
    assert "EX-DARTS: 93" in panel.locator(".values").inner_text()
    page.locator("#accuracy-sample-reduced li").filter(has_text="EX-DARTS").locator("input").uncheck()
    canvas.hover(position={"x": box["width"] / 2, "y": 5})
    canvas.hover(position={"x": box["width"] - 2, "y": 5})
    assert "EX-DARTS" not in panel.locator(".values").inner_text()
    assert not panel.locator(".drawing svg").is_visible() or panel.locator(".drawing").bounding_box()["width"] <= 1
    page.emulate_media(media="print")
    assert panel.locator(".drawing svg").bounding_box()["width"] > 300 and not canvas.is_visible()


def test_without_scripts_figures_are_drawings(browser: Any, folder: Path) -> None:
    visitor = Visit(browser, folder, java_script_enabled=False)
    page = visitor.go("run-sample-reduced.html")
    assert page.locator("#accuracy-sample-reduced-0 svg[role=img]").bounding_box()["width"] > 300
    assert "needs JavaScript" in visitor.go("explorer.html").inner_text("noscript")
    visitor.context.close()


@pytest.mark.parametrize("name", PAGES)
def test_pages_are_accessible_in_light_and_dark(visit: Visit, name: str) -> None:
    page = visit.go(f"{name}.html")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found = axe.Axe().run(page, options={"preload": False})  # it would ask for the style sheet once more
        assert found.violations_count == 0, found.generate_report()


SIZES = """() => [...document.querySelectorAll('body *')]
  .filter((e) => e.checkVisibility() && !e.closest('noscript, script, title, desc')
    && [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()))
  .map((e) => {
    const svg = e.closest('svg'), wide = svg ? svg.viewBox.baseVal.width : 0;
    const scale = wide ? svg.getBoundingClientRect().width / wide : 1;
    return [parseFloat(getComputedStyle(e).fontSize) * scale, e.outerHTML.slice(0, 80)];
  })"""


@pytest.mark.parametrize("name", PAGES)
def test_a_narrow_screen_shows_all_in_legible_letters(browser: Any, folder: Path, name: str) -> None:
    """What is wider than the screen scrolls by itself; the drawings, which curves hide, are looked at as on paper."""
    visitor = Visit(browser, folder, viewport={"width": 400, "height": 800})
    page = visitor.go(f"{name}.html")
    for media in ("screen", "print"):
        page.emulate_media(media=media)
        assert [found for found in page.evaluate(SIZES) if found[0] < SMALLEST] == []
    page.emulate_media(media="screen")
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    assert page.screenshot(full_page=True).startswith(b"\x89PNG")
    visitor.context.close()
    assert visitor.wrong == []


def test_paper_takes_it(visit: Visit, tmp_path: Path) -> None:
    page = visit.go("paper-paper-a.html")
    page.emulate_media(media="print", color_scheme="dark")
    assert not page.locator("nav").first.is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.pdf(path=tmp_path / "paper.pdf")
    assert (tmp_path / "paper.pdf").read_bytes().startswith(b"%PDF")


def test_hostile_texts_run_nothing(browser: Any, tmp_path: Path) -> None:
    """No dialogue opens, no picture is asked for, and the text is there to be read."""
    write_report([hostile_verdict(tmp_path)], tmp_path / "site")
    visitor = Visit(browser, tmp_path / "site")
    visitor.page.on("dialog", lambda dialog: visitor.wrong.append(dialog.message))
    for name in ("index", "paper-paper-a", "run-sample-paper", "explorer"):
        page = visitor.go(f"{name}.html")
        assert page.locator("img").count() == 0
    assert any(HOSTILE in text for text in shown(page, 3))
    page.locator("#rows tbody a").first.click()
    assert page.locator("#detail img").count() == 0
    visitor.context.close()
    assert visitor.wrong == []

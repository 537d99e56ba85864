"""``report.html`` in a real browser: Chromium with its driver, where they are installed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kit.tiny_run import HOSTILE
from outside.browser import DESKTOP, PHONE, NotHereError, asked_for, look, open_browser

from sr2tflite.data.images import read_image
from sr2tflite.run.crops import BICUBIC, FINAL, RENDERINGS, distance, windows
from sr2tflite.run.report.gather import gather

MOST_BYTES = 5_000_000

ESCAPES = """
return [...document.querySelectorAll("body *")]
  .filter((one) => !one.closest(".skip") && one.getBoundingClientRect().right > innerWidth + 1)
  .filter((one) => !one.closest(".wide, .tall") || one.matches(".wide, .tall"))
  .map((one) => one.tagName + "." + one.getAttribute("class"))
"""
"""What reaches beyond the right edge, other than inside a part that scrolls by itself."""

CLIP = """return getComputedStyle(document.querySelector('[data-part="over"]')).clipPath"""

CONTRASTS = """
const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
const light = (color) => numbers(color).slice(0, 3)
  .map((value) => value / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
  .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
const ground = (one) => {
  for (let at = one; at; at = at.parentElement) {
    const color = getComputedStyle(at).backgroundColor;
    const alpha = numbers(color)[3] ?? 1;
    if (alpha === 1) return color;
    if (alpha > 0) return null;
  }
  return "rgb(255, 255, 255)";
};
const found = [];
for (const one of document.querySelectorAll("body *")) {
  const says = [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
  if (!says || !one.getClientRects().length || one.closest("svg, script, .stage, .skip")) continue;
  const back = ground(one);
  if (!back) continue;
  const [a, b] = [light(getComputedStyle(one).color), light(back)];
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < 4.5) found.push(`${one.tagName}.${one.className} ${one.textContent.slice(0, 30)}: ${ratio.toFixed(2)}`);
}
return found;
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    try:
        with open_browser(tmp_path_factory.mktemp("profile")) as found:
            yield found
    except NotHereError as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="module")
def page(made_run: Path) -> Path:
    return made_run / "report.html"


def part(browser: Any, name: str) -> Any:
    return browser.find_element("css selector", f'[data-part="{name}"]')


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_page_says_nothing_wrong_asks_for_nothing_and_fits(
    size: tuple[int, int], dark: bool, browser: Any, page: Path
) -> None:
    assert page.stat().st_size <= MOST_BYTES
    look(browser, page, size, dark=dark)
    for details in browser.find_elements("css selector", "summary"):
        browser.execute_script("arguments[0].click()", details)
    assert browser.execute_script("const e = document.documentElement; return e.scrollWidth - e.clientWidth") == 0
    assert browser.execute_script(ESCAPES) == []
    assert browser.execute_script(CONTRASTS) == []
    assert browser.get_log("browser") == []
    elsewhere = [url for url in asked_for(browser, page) if not url.startswith("data:")]
    assert elsewhere == [page.as_uri()]


def test_the_browser_itself_keeps_the_page_from_the_network(browser: Any, page: Path) -> None:
    look(browser, page, DESKTOP)
    failed = browser.execute_async_script(
        "const done = arguments[0]; fetch('http://127.0.0.1:9/').then(() => done('sent'), (e) => done(String(e)))"
    )
    assert "sent" not in failed
    said = [entry["message"] for entry in browser.get_log("browser")]
    assert any("Content Security Policy" in message for message in said), said
    browser.execute_script("document.body.append(Object.assign(new Image(), {src: 'http://127.0.0.1:9/x.png'}))")
    inserted = "const s = document.createElement('script'); s.textContent = 'window.ran = 1'; document.body.append(s)"
    browser.execute_script(inserted)
    assert browser.execute_script("return window.ran") is None


def test_the_divider_moves_by_keyboard_and_by_pointer(browser: Any, page: Path) -> None:
    from selenium.webdriver import ActionChains, Keys

    look(browser, page, DESKTOP)
    assert browser.execute_script(CLIP) == "inset(0px 50% 0px 0px)"
    divider = part(browser, "range")
    divider.send_keys(Keys.ARROW_RIGHT)
    assert browser.execute_script(CLIP) == "inset(0px 49% 0px 0px)"
    divider.send_keys(Keys.HOME)
    assert browser.execute_script(CLIP) == "inset(0px 100% 0px 0px)"
    assert divider.get_attribute("aria-valuetext") == "0 % Bicubic, 100 % INT8"
    width = divider.size["width"]
    ActionChains(browser).move_to_element_with_offset(divider, width // 4, 0).click().perform()
    value = float(divider.get_attribute("value"))
    assert 70 <= value <= 80
    assert browser.execute_script(CLIP) == f"inset(0px {100 - value:g}% 0px 0px)"


def test_any_two_renderings_can_be_chosen_and_their_map_is_the_true_one(
    browser: Any, page: Path, made_run: Path
) -> None:
    from selenium.webdriver.support.ui import Select, WebDriverWait

    look(browser, page, DESKTOP)
    files = {crop.image: made_run / crop.file for crop in gather(made_run).crops}

    def told(left: str, right: str) -> str:
        panels = dict(zip(RENDERINGS, windows(read_image(files[part(browser, "image").text])) or [], strict=True))
        apart = distance(panels[left], panels[right])
        return f": mean {np.floor(apart.mean() * 100 + 0.5) / 100:.2f}, at most {apart.max()} of 255"

    def says(words: str) -> bool:
        return bool(WebDriverWait(browser, 10).until(lambda _: part(browser, "map-text").text.endswith(words)))

    assert says(told(BICUBIC, FINAL))
    before = part(browser, "over").get_attribute("src")
    Select(part(browser, "left")).select_by_visible_text("HR original")
    assert says(told("original", FINAL))
    assert part(browser, "over").get_attribute("src") != before
    part(browser, "swap").click()
    assert part(browser, "left-name").text == "INT8"
    assert part(browser, "right-name").text == "HR original"
    Select(part(browser, "left")).select_by_visible_text("HR original")
    assert says(": mean 0.00, at most 0 of 255")


def test_another_image_is_chosen_by_a_button_with_its_name(browser: Any, page: Path) -> None:
    look(browser, page, PHONE)
    buttons = part(browser, "thumbs").find_elements("css selector", "button")
    names = {button.get_attribute("title") for button in buttons}
    assert names == {"judged/flower", f"judged/{HOSTILE}"}
    for button in buttons:
        button.click()
        assert button.get_attribute("aria-pressed") == "true"
        assert part(browser, "image").text == button.get_attribute("title")
    assert browser.get_log("browser") == []


@pytest.mark.parametrize("slower", [1, 6, 20, 40])
def test_nothing_jumps_while_the_page_is_made_ready(browser: Any, page: Path, slower: int) -> None:
    browser.execute_cdp_cmd("Emulation.setCPUThrottlingRate", {"rate": slower})
    look(browser, page, DESKTOP)
    browser.execute_cdp_cmd("Emulation.setCPUThrottlingRate", {"rate": 1})
    shifts = browser.execute_async_script(
        "const [done, seen] = [arguments[0], []];"
        "const observer = new PerformanceObserver((list) => seen.push(...list.getEntries().map((one) => one.value)));"
        "observer.observe({type: 'layout-shift', buffered: true}); setTimeout(() => done(seen), 600)"
    )
    assert sum(shifts) < 0.01, shifts


def test_without_scripts_and_on_paper_every_crop_is_there(browser: Any, page: Path) -> None:
    look(browser, page, DESKTOP)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    shown = "return getComputedStyle(document.querySelector(arguments[0])).display"
    assert browser.execute_script(shown, ".viewer") == "none"
    assert browser.execute_script(shown, ".sheets") == "block"
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        look(browser, page, DESKTOP)
        sheets = browser.find_elements("css selector", ".sheet img")
        assert len(sheets) == 12
        assert all(sheet.is_displayed() and sheet.size["width"] > 50 for sheet in sheets)
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})

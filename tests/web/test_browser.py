"""The page in a real browser."""

import re
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from tests.browser import chromium
from tests.web.conftest import PATIENCE, Server

pytestmark = pytest.mark.e2e

AXE = Path(__file__).parents[2] / "server" / "web-assets" / "node_modules" / "axe-core" / "axe.min.js"
expect.set_options(timeout=PATIENCE * 1000)

ANSWERS = ".turn.assistant"
DONE = f"{ANSWERS}[data-status=done]"


@pytest.fixture(scope="module")
def browser() -> Generator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    with opened(browser) as context:
        yield context


@contextmanager
def opened(browser: Browser, **options: object) -> Generator[BrowserContext]:
    """A profile of its own, in which nothing may go wrong unseen."""
    context = browser.new_context(**options)  # type: ignore[arg-type]  # pyright: ignore
    context.set_default_timeout(PATIENCE * 1000)
    complaints: list[str] = []

    def listen(page: Page) -> None:
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)

    context.on("page", listen)
    yield context
    context.close()
    # A reader that is cut off may say so, and a policy that holds.
    assert [
        each
        for each in complaints
        if not re.search(r"ERR_|Failed to load|htmx:sse:error|Content Security Policy", each)
    ] == []


def ask(page: Page, text: str) -> None:
    page.fill("#message", text)
    page.get_by_role("button", name="Send").click()


def begin(context: BrowserContext, server: Server, text: str) -> Page:
    """A page with a new conversation that began so."""
    page = context.new_page()
    page.goto(server.base)
    ask(page, text)
    page.wait_for_url("**/c/*")
    return page


def length(page: Page) -> int:
    return len(page.locator(ANSWERS).last.locator(".body").inner_text())


def wait_until(page: Page, condition: Callable[[], bool]) -> None:
    for _ in range(int(PATIENCE / 0.05)):
        if condition():
            return
        page.wait_for_timeout(50)
    raise AssertionError(page.locator("#thread").inner_html())


def test_an_answer_grows_and_stop_keeps_what_there_is(context: BrowserContext, server: Server) -> None:
    page = begin(context, server, "Talk without end")
    lengths = [0]
    while len(lengths) < 5:
        wait_until(page, lambda: length(page) > lengths[-1])
        lengths.append(length(page))
    expect(page.get_by_role("button", name="Send")).to_be_hidden()
    page.get_by_role("button", name="Stop the answer").click()
    expect(page.locator(DONE)).to_have_count(1)
    expect(page.locator(ANSWERS)).to_contain_text("Stopped")
    stopped = page.locator(f"{ANSWERS} .body").inner_text()
    assert len(stopped) >= lengths[-1]
    page.reload()
    assert page.locator(f"{ANSWERS} .body").inner_text().split() == stopped.split()
    ask(page, "Hello")
    expect(page.locator(DONE).last).to_contain_text("You said: Hello")


def test_a_reload_in_the_middle_goes_on(context: BrowserContext, server: Server) -> None:
    page = begin(context, server, "Tell me a long story")
    wait_until(page, lambda: length(page) > 100)
    page.reload()
    assert length(page) > 100
    expect(page.locator(DONE)).to_have_count(1)
    assert page.locator(f"{ANSWERS} .body").inner_text().split() == ["word"] * 1500


def test_a_lost_connection_comes_back_by_itself(context: BrowserContext, server: Server) -> None:
    page = begin(context, server, "Tell me a long story")
    wait_until(page, lambda: length(page) > 50)
    resumed: list[str] = []
    page.on("request", lambda request: resumed.append(request.headers.get("last-event-id", "")))
    context.set_offline(True)
    context.route("**/events*", lambda route: route.abort())
    # What is open stays open offline: the extension's own way of pausing ends it, as a sleeping laptop does.
    page.evaluate("() => document.getElementById('thread')._htmx.sse.reader.cancel()")
    expect(page.locator("#toast")).to_contain_text("Connection lost")
    context.unroute("**/events*")
    context.set_offline(False)
    expect(page.locator(DONE)).to_have_count(1)
    expect(page.locator("#toast")).to_be_hidden()
    assert page.locator(f"{ANSWERS} .body").inner_text().split() == ["word"] * 1500
    assert any(resumed)


def test_two_tabs_agree(context: BrowserContext, server: Server) -> None:
    one = begin(context, server, "Hello")
    expect(one.locator(DONE)).to_have_count(1)
    two = context.new_page()
    two.goto(one.url)
    ask(two, "Tell me a short story")
    wait_until(one, lambda: one.locator(ANSWERS).count() == 2 and length(one) > 20)
    expect(one.locator(DONE)).to_have_count(2)
    expect(two.locator(DONE)).to_have_count(2)
    assert one.locator("#thread").inner_text() == two.locator("#thread").inner_text()
    # What one does, the other sees: a name, another version, the end.
    one.get_by_role("button", name="Rename this conversation").click()
    one.fill("#rename-title", "Two tabs")
    one.press("#rename-title", "Enter")
    expect(two.locator("#title")).to_have_text("Two tabs")
    expect(two.locator("#conversations [aria-current]")).to_have_text("Two tabs")
    one.locator(DONE).first.get_by_role("button", name="Answer again").click()
    expect(two.locator(".versions")).to_have_text(re.compile(r"2 / 2"))
    expect(two.locator(DONE)).to_have_count(1)
    two.get_by_role("button", name="Earlier version").click()
    expect(one.locator(DONE)).to_have_count(2)
    one.get_by_role("button", name="Delete this conversation").click()
    one.get_by_role("button", name="Delete", exact=True).click()
    two.wait_for_url(f"{server.base}/")
    expect(two.locator("#conversations").get_by_text("Two tabs")).to_have_count(0)


def test_what_a_model_says_does_not_run(context: BrowserContext, server: Server) -> None:
    requests: list[str] = []
    context.on("request", lambda request: requests.append(request.url))
    page = begin(context, server, "A <script>document.title='pwned'</script>")
    expect(page.locator(DONE)).to_contain_text("<script>document.title='pwned'</script>")
    for _ in range(2):
        assert "pwned" not in page.title().replace("A <script>document.title='pwned'</script>", "")
        assert page.locator("#thread script, #thread img, #thread [onerror]").count() == 0
        assert page.locator("#thread a").count() == 1  # the image; the script is no link
        page.reload()
    assert not [url for url in requests if "steal" in url]
    # The policy holds even for what would get past the rest.
    page.evaluate(
        "() => document.getElementById('thread').insertAdjacentHTML('beforeend', "
        "'<img src=x onerror=\"document.title=1\">')"
    )
    page.wait_for_timeout(200)
    assert page.title() != "1"


def test_questions_are_edited_with_the_keyboard(context: BrowserContext, server: Server) -> None:
    page = begin(context, server, "First")
    expect(page.locator(DONE)).to_contain_text("You said: First")
    page.press("#message", "ArrowUp")
    box = page.locator("form.edit textarea")
    expect(box).to_be_focused()
    box.fill("Second\nline")
    box.press("Shift+Enter")
    box.press("Enter")
    expect(page.locator(DONE)).to_contain_text("You said: Second")
    expect(page.locator(".bubble")).to_have_text("Second\nline\n")
    expect(page.locator("#message")).to_be_focused()
    page.keyboard.type("Talk without end")
    page.keyboard.press("Enter")
    expect(page.locator(f"{ANSWERS}[data-status=streaming]")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator(DONE)).to_have_count(2)


def test_what_is_being_written_is_not_lost(context: BrowserContext, server: Server) -> None:
    page = begin(context, server, "First")
    expect(page.locator(DONE)).to_have_count(1)
    # While a question is on its way, the next one is begun.
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/chat", hold)
    page.fill("#message", "Second")
    page.keyboard.press("Enter")
    wait_until(page, lambda: bool(held))
    page.keyboard.type("Third")
    held[0].continue_()
    expect(page.locator(DONE)).to_have_count(2)
    expect(page.locator("#message")).to_have_value("Third")
    # Another tab has an answer made anew, and one begin, while a question is edited.
    other = context.new_page()
    other.goto(page.url)
    page.get_by_role("button", name="Edit").last.click()
    box = page.locator("form.edit textarea")
    box.fill("Second, but better")
    other.get_by_role("button", name="Answer again").last.click()
    expect(page.locator(".versions")).to_have_text(re.compile(r"2 / 2"))
    expect(box).to_be_focused()
    ask(other, "Talk without end")
    expect(page.locator(f"{ANSWERS}[data-status=streaming]")).to_have_count(1)
    box.press("Enter")
    expect(page.locator("#toast")).to_contain_text("still coming")
    expect(box).to_have_value("Second, but better")
    # A key for an input method is none for the page.
    box.dispatch_event("keydown", {"key": "Escape", "isComposing": True, "bubbles": True})
    expect(box).to_have_value("Second, but better")
    other.get_by_role("button", name="Stop the answer").click()
    expect(page.locator(DONE)).to_have_count(3)
    box.press("Enter")
    expect(page.locator(DONE).last).to_contain_text("You said: Second, but better")
    expect(box).to_have_count(0)
    expect(page.locator("#message")).to_be_focused()


def test_each_paragraph_has_the_direction_of_its_script(context: BrowserContext, server: Server) -> None:
    page = begin(context, server, "\u0634\u0643\u0631\u0627.")
    expect(page.locator(DONE)).to_have_count(1)
    paragraph = page.locator(f"{ANSWERS} .body p")
    paragraph.evaluate("element => element.textContent = '\u0634\u0643\u0631\u0627.'")
    for shown in paragraph, page.locator(".bubble"):
        letter, stop = shown.evaluate(
            """element => [0, 4].map(n => {
                const range = document.createRange();
                range.setStart(element.firstChild, n);
                range.setEnd(element.firstChild, n + 1);
                return range.getBoundingClientRect().left;
            })"""
        )
        assert stop < letter


def test_tools_are_folded_code_is_coloured_and_errors_are_told(
    context: BrowserContext, server: Server
) -> None:
    page = begin(context, server, "What about the weather?")
    expect(page.locator(DONE)).to_contain_text("It is sunny")
    tool = page.locator("details.tool")
    expect(tool).to_contain_text("weather")
    expect(tool.get_by_text("Paris")).to_be_hidden()
    tool.locator("summary").press("Enter")
    expect(tool.get_by_text("Paris")).to_be_visible()
    ask(page, "Show me code")
    expect(page.locator(".tok-k").first).to_have_text("def")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy", exact=True).and_(page.locator(".copy")).click()
    expect(page.locator("#said")).to_contain_text("Copied.")
    assert page.evaluate("() => navigator.clipboard.readText()").startswith("def hello():\n")
    ask(page, "Please fail")
    expect(page.locator(".failed")).to_contain_text("too much to do")
    # Who cannot see it hears finished paragraphs and how it ended, and not every word.
    heard = page.locator("#said").inner_text()
    assert "Code, python" in heard and "Error: too much to do" in heard


def test_the_profile_that_is_picked_answers(context: BrowserContext, server: Server) -> None:
    page = begin(context, server, "Hello")
    expect(page.locator(DONE)).to_contain_text("You said: Hello")
    page.select_option("select[name=profile]", "parrot")
    ask(page, "Hello again")
    expect(page.locator(DONE).last.locator(".body")).to_have_text("Hello again")
    page.reload()
    expect(page.locator("select[name=profile]")).to_have_value("parrot")


@pytest.mark.parametrize(("theme", "width"), [("light", 1180), ("dark", 390)])
def test_nothing_keeps_anybody_out(browser: Browser, server: Server, theme: str, width: int) -> None:
    if not AXE.is_file():
        pytest.skip("needs axe-core: npm ci in server/web-assets")
    size = {"width": width, "height": 800}
    with opened(
        browser, color_scheme=theme, viewport=size, bypass_csp=True, has_touch=width < 500
    ) as context:
        page = context.new_page()
        page.goto(server.base)
        _examine(page)
        page = begin(context, server, "Show me code")
        expect(page.locator(DONE)).to_have_count(1)
        for number, question in enumerate(("What about the weather?", "Please fail"), 2):
            ask(page, question)
            expect(page.locator(DONE)).to_have_count(number)
        page.locator("details summary").click()
        page.get_by_role("button", name="Answer again").last.click()
        expect(page.locator(".versions")).to_have_count(1)
        expect(page.locator(DONE)).to_have_count(3)
        _examine(page)
        # Nothing is wider than the screen.
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width
        if width < 500:
            page.get_by_role("button", name="Conversations").click()
            expect(page.get_by_role("link", name="New chat")).to_be_visible()
            page.wait_for_timeout(300)  # the list slides in
        else:
            page.get_by_role("button", name="Delete this conversation").click()
        _examine(page)


def _examine(page: Page) -> None:
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate(
        "() => axe.run(document, {resultTypes: ['violations']}).then(({violations}) => "
        "violations.map(each => [each.id, each.help, each.nodes.map(node => node.html.slice(0, 200))]))"
    )
    assert found == []

"""The bank's page: 3-D Secure, which the buyer completes or lets fail."""

from html import escape
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from sandbox.attempts import answer_challenge
from sandbox.calls import Call
from sandbox.desk import Desk, read_body
from sandbox.errors import WireError

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root {{ color-scheme: light dark; --paper: #eef2f6; --card: #fff; --ink: #1b2530; --mute: #566372;
  --line: #d5dde5; --blue: #1d5a91; --on: #fff }}
@media (prefers-color-scheme: dark) {{ :root {{ --paper: #12171d; --card: #1b222b; --ink: #edf2f7;
  --mute: #a6b3c0; --line: #35404c; --blue: #8fc3f2; --on: #0d1b29 }} }}
body {{ font: 1rem/1.5 system-ui, sans-serif; margin: 0; padding: 1rem; min-height: 100vh;
  box-sizing: border-box; display: grid; place-items: center; background: var(--paper);
  color: var(--ink) }}
main {{ width: min(26rem, 100%); box-sizing: border-box; padding: 1.6rem; background: var(--card);
  border: 1px solid var(--line); border-radius: 14px }}
h1 {{ font-size: 1.4rem; line-height: 1.25; margin: 0 0 .8rem }}
.bank {{ margin: 0 0 1.2rem; color: var(--mute); font-size: .9rem }}
form {{ display: grid; gap: .6rem; margin-top: 1.4rem }}
button {{ font: inherit; font-weight: 600; min-height: 2.9rem; border-radius: 9px; cursor: pointer;
  border: 1px solid var(--blue); background: var(--blue); color: var(--on) }}
button.quiet {{ background: none; color: var(--ink); border-color: var(--mute) }}
:focus-visible {{ outline: 3px solid var(--blue); outline-offset: 2px }}
</style></head>
<body><main><p class="bank">The bank of the payment sandbox</p><h1>{title}</h1>{body}</main></body>
</html>"""

_BUTTONS = """<p>A shop asks for <strong>{amount} {currency}</strong> from your test card.
No money moves.</p>
<form method="post"><button name="outcome" value="complete">Yes, it is me</button>
<button name="outcome" value="fail" class="quiet">No, decline</button></form>"""


async def show(request: Request) -> Response:
    """The open question, with two buttons."""
    desk: Desk = request.state.desk
    challenge = request.path_params["challenge"]

    def find(call: Call) -> Any:  # noqa: ANN401 - a row, or None
        return call.db.execute(
            "SELECT amount, currency FROM intents WHERE challenge = ?", (challenge,)
        ).fetchone()

    row = desk.apart(request, find)
    if row is None:
        return _over()
    amount = f"{row['amount'] / 100:.2f}"
    buttons = _BUTTONS.format(amount=amount, currency=escape(row["currency"].upper()))
    return _page("Is it you who pays?", buttons)


async def answer(request: Request) -> Response:
    """The buyer's answer. It counts once, and only while the question is open."""
    desk: Desk = request.state.desk
    try:
        outcome = parse_qs((await read_body(request)).decode(errors="replace")).get("outcome")
    except WireError as error:
        return _page("Too long", "<p>That was too much.</p>", status=error.status)
    if outcome not in (["complete"], ["fail"]):
        return _page("Neither", "<p>The outcome is complete or fail.</p>", status=400)
    challenge = request.path_params["challenge"]

    def decide(call: Call) -> tuple[str, dict[str, Any]] | None:
        row = call.db.execute(
            "SELECT return_url FROM intents WHERE challenge = ?", (challenge,)
        ).fetchone()
        intent = answer_challenge(call, challenge, completed=outcome == ["complete"])
        return None if intent is None else (row["return_url"] or "", intent)

    decided = desk.apart(request, decide)
    if decided is None:
        return _over()
    return_url, intent = decided
    if not return_url:
        return _page("Done", f"<p>The payment is {escape(intent['status'])}.</p>")
    return RedirectResponse(_returning(return_url, intent), status_code=303)


def _returning(return_url: str, intent: dict[str, Any]) -> str:
    """The merchant's page, told what Stripe tells it."""
    told = urlencode(
        {
            "payment_intent": intent["id"],
            "payment_intent_client_secret": intent["client_secret"],
            "redirect_status": "succeeded" if intent["status"] == "succeeded" else "failed",
        }
    )
    parts = urlsplit(return_url)
    return urlunsplit(parts._replace(query=f"{parts.query}&{told}" if parts.query else told))


def _over() -> Response:
    return _page("Over", "<p>This payment is no longer waiting for you.</p>", status=410)


def _page(title: str, body: str, *, status: int = 200) -> Response:
    return HTMLResponse(
        _PAGE.format(title=title, body=body),
        status,
        {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"},
    )

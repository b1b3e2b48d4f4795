"""Which media type an answer has, as the client's Accept header asks for it."""

from typing import Final

from graph.requests import BadRequest

JSON: Final = "application/json"
GRAPHQL_JSON: Final = "application/graphql-response+json"
EVENT_STREAM: Final = "text/event-stream"
HTML: Final = "text/html"

# In the order of our preference: a wildcard gets the first.
_ANSWERS: Final = (JSON, GRAPHQL_JSON, EVENT_STREAM)


def answer_type(accept: str | None, *, page: bool) -> str:
    """The media type of the answer; `page` when a person may be looking at it.

    Raises:
        BadRequest: 406, the client takes nothing that we have.
    """
    if accept is None or not accept.strip():
        return JSON
    offered = (*_ANSWERS, HTML) if page else _ANSWERS
    wanted = [_weighted(part) for part in accept.split(",")]
    # sorted() is stable: among equals, what the client named first.
    for wish, weight in sorted(wanted, key=lambda each: -each[1]):
        for media_type in offered:
            if weight > 0 and _matches(wish, media_type):
                return media_type
    raise BadRequest(f"We answer with {', '.join(offered)}.", status=406)


def is_json(content_type: str | None) -> bool:
    """Whether a body is JSON in UTF-8, the only thing that we read."""
    media_type, _, rest = (content_type or "").partition(";")
    charset = dict(_parameter(part) for part in rest.split(";")).get("charset", "utf-8")
    return media_type.strip().lower() == JSON and charset.lower() in {"utf-8", "utf8"}


def _weighted(part: str) -> tuple[str, float]:
    media_type, _, rest = part.partition(";")
    quality = dict(_parameter(each) for each in rest.split(";")).get("q", "1")
    try:
        weight = float(quality)
    except ValueError:
        weight = 0.0
    return media_type.strip().lower(), weight


def _parameter(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip().lower(), value.strip().strip('"')


def _matches(wish: str, media_type: str) -> bool:
    if wish in {"*/*", media_type}:
        return True
    return wish.endswith("/*") and media_type.startswith(wish[:-1])

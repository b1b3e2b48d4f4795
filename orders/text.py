"""Free text that people type: bounded, and without control characters."""

import unicodedata

from orders.errors import InvalidInput


def check_line(field: str, text: str, *, most: int) -> str:
    """The text without blanks around it, if it is one line of 1 to `most` characters.

    Raises:
        InvalidInput: saying what would be right.
    """
    trimmed = text.strip()
    if not 0 < len(trimmed) <= most:
        raise InvalidInput(field, f"1 to {most} characters, please.")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in trimmed):
        raise InvalidInput(field, "No control characters, please.")
    return trimmed


def check_text(field: str, text: str, *, most: int) -> str:
    """The text without blanks around it, of 1 to `most` characters; it may have several lines.

    Raises:
        InvalidInput: saying what would be right.
    """
    check_line(field, text.replace("\n", " ").replace("\r", " "), most=most)
    return text.strip()

"""What an e-mail address, a password and a name may look like, checked before anything else."""

import re
import unicodedata
from typing import Final

from auth.errors import InvalidInput

EMAIL_CHARACTERS: Final = 254  # the longest path of RFC 5321, 4.5.3.1.3, without its brackets
PASSWORD_CHARACTERS: Final = range(8, 129)
NAME_CHARACTERS: Final = range(1, 101)

# RFC 5322's dot-atom before the @, host names after it. ASCII only: lower() is then the same in
# Python and in Postgres, two look-alike letters cannot make two accounts, and every mail server
# delivers to it.
_EMAIL = re.compile(
    r"""
    [a-z0-9!#$%&'*+/=?^_`{|}~-]+ (\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*
    @
    [a-z0-9]([a-z0-9-]{0,61}[a-z0-9])? (\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*
    """,
    re.VERBOSE,
)
# Control characters, lone surrogates (they cannot be stored as UTF-8), line and paragraph ends.
_UNPRINTABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})


def clean_email(text: str) -> str:
    """The address in the one spelling that is stored: no spaces around it, lower case.

    Raises:
        InvalidInput: of the field `email`.
    """
    address = text.strip(" ")
    if len(address) > EMAIL_CHARACTERS:
        raise InvalidInput("email", f"An e-mail address has at most {EMAIL_CHARACTERS} characters.")
    if not address.isascii() or not _EMAIL.fullmatch(address := address.lower()):
        raise InvalidInput("email", "This is not an e-mail address.")
    return address


def check_password(text: str) -> None:
    """Refuse a password that is too short, or long enough to make hashing a weapon.

    Raises:
        InvalidInput: of the field `password`.
    """
    if len(text) not in PASSWORD_CHARACTERS:
        shortest, longest = PASSWORD_CHARACTERS[0], PASSWORD_CHARACTERS[-1]
        raise InvalidInput("password", f"A password has {shortest} to {longest} characters.")
    if any(unicodedata.category(character) == "Cs" for character in text):
        raise InvalidInput("password", "A password is made of whole Unicode characters.")


def clean_name(text: str) -> str:
    """The name without white space around it.

    Raises:
        InvalidInput: of the field `name`.
    """
    name = text.strip()
    if len(name) not in NAME_CHARACTERS:
        shortest, longest = NAME_CHARACTERS[0], NAME_CHARACTERS[-1]
        raise InvalidInput("name", f"A name has {shortest} to {longest} characters.")
    if any(unicodedata.category(character) in _UNPRINTABLE for character in name):
        raise InvalidInput("name", "A name has no control characters.")
    return name

"""Form parameters as Stripe's API spells them: nested by brackets, typed, none unknown."""

import re
from collections.abc import Collection, Iterable
from typing import Final, Never, Union

from sandbox.errors import WireError

Nested = dict[str, Union[str, "Nested"]]

# Of https://docs.stripe.com/api/metadata
_METADATA_KEYS: Final = 50
_METADATA_KEY_CHARS: Final = 40
_METADATA_VALUE_CHARS: Final = 500
_TEXT_CHARS: Final = 5_000
_DEEPEST: Final = 5

_KEY = re.compile(r"\A([^\[\]]+)((?:\[[^\[\]]*\])*)\Z")
_INTEGER = re.compile(r"\A-?[0-9]{1,18}\Z")


def nested(pairs: Iterable[tuple[str, str]]) -> Nested:
    """Turn `a[b][c]=d` into {"a": {"b": {"c": "d"}}}; lists come by index, or by `[]`."""
    tree: Nested = {}
    for key, value in pairs:
        shape = _KEY.match(key)
        path = [shape[1], *re.findall(r"\[([^\[\]]*)\]", shape[2])] if shape else []
        if not path or len(path) > _DEEPEST:
            raise WireError(f"Invalid parameter name: {key[:100]}", param=key[:100])
        branch = tree
        for step in path[:-1]:
            below = branch.setdefault(step or str(len(branch)), {})
            if isinstance(below, str):
                raise WireError(f"Invalid object: {key[:100]}", param=key[:100])
            branch = below
        branch[path[-1] or str(len(branch))] = value
    return tree


class Params:
    """The parameters of one request. What nobody asked for is refused by `end`."""

    def __init__(self, tree: Nested, *, prefix: str = "") -> None:
        self._left = dict(tree)
        self._prefix = prefix

    def text(self, name: str, *, longest: int = _TEXT_CHARS) -> str | None:
        """A text, or None when it is missing or empty."""
        value = self._left.pop(name, None)
        if isinstance(value, dict):
            raise self._wrong(name, "Invalid string")
        if value is not None and len(value) > longest:
            raise self._wrong(name, f"Invalid string: must be at most {longest} characters")
        return value or None

    def needed_text(self, name: str, *, longest: int = _TEXT_CHARS) -> str:
        """A text that has to be there."""
        return self.text(name, longest=longest) or self._missing(name)

    def integer(self, name: str, *, least: int, most: int) -> int | None:
        """A whole number between two bounds, or None when it is missing."""
        value = self.text(name)
        if value is None:
            return None
        if not _INTEGER.match(value):
            raise self._wrong(
                name, f"Invalid integer: {value[:40]}", code="parameter_invalid_integer"
            )
        if not least <= int(value) <= most:
            code = "amount_too_small" if int(value) < least else "amount_too_large"
            raise self._wrong(
                name,
                f"This value must be between {least} and {most}",
                code=code if name == "amount" else "parameter_invalid_integer",
            )
        return int(value)

    def needed_integer(self, name: str, *, least: int, most: int) -> int:
        """A whole number that has to be there."""
        value = self.integer(name, least=least, most=most)
        return self._missing(name) if value is None else value

    def choice(self, name: str, among: Collection[str]) -> str | None:
        """One of a few words, or None when it is missing."""
        value = self.text(name)
        if value is not None and value not in among:
            raise self._wrong(name, f"Invalid {name}: must be one of {', '.join(among)}")
        return value

    def flag(self, name: str) -> bool | None:
        """True or false, or None when it is missing."""
        value = self.choice(name, ("true", "false"))
        return None if value is None else value == "true"

    def below(self, name: str) -> "Params | None":
        """The parameters under a name, or None when there are none."""
        value = self._left.pop(name, None)
        if isinstance(value, str):
            if value:
                raise self._wrong(name, "Invalid object")
            return None
        return None if value is None else Params(value, prefix=self._spell(name))

    def words(self, name: str) -> list[str] | None:
        """A list of texts, or None when it is missing."""
        value = self._left.pop(name, None)
        if value is None:
            return None
        if isinstance(value, str) or any(isinstance(each, dict) for each in value.values()):
            raise self._wrong(name, "Invalid array")
        return [each for each in value.values() if isinstance(each, str)]

    def metadata(self) -> dict[str, str]:
        """The merchant's own keys and values; an empty value asks for the key's removal."""
        value = self._left.pop("metadata", None)
        if isinstance(value, str) and value:
            raise self._wrong("metadata", "Invalid object")
        pairs = value if isinstance(value, dict) else {}
        if len(pairs) > _METADATA_KEYS:
            raise self._wrong("metadata", f"Metadata has at most {_METADATA_KEYS} keys")
        clean: dict[str, str] = {}
        for key, text in pairs.items():
            if isinstance(text, dict) or len(text) > _METADATA_VALUE_CHARS:
                raise self._wrong("metadata", f"Invalid metadata value under {key[:40]}")
            if len(key) > _METADATA_KEY_CHARS:
                raise self._wrong(
                    "metadata", f"Metadata keys have at most {_METADATA_KEY_CHARS} characters"
                )
            clean[key] = text
        return clean

    def end(self) -> None:
        """Refuse what is left: a parameter that is ignored would be a promise not kept."""
        for name in self._left:
            if name == "payment_method_types":
                # https://docs.stripe.com/changelog/endive (2026-09-30)
                raise self._wrong(
                    name,
                    "Use allowed_payment_method_types instead",
                    code="payment_method_types_no_longer_supported",
                )
            raise self._wrong(
                name,
                f"Received unknown parameter: {self._spell(name)[:100]}",
                code="parameter_unknown",
            )

    def _missing(self, name: str) -> Never:
        raise self._wrong(
            name, f"Missing required param: {self._spell(name)}.", code="parameter_missing"
        )

    def _wrong(self, name: str, message: str, *, code: str | None = None) -> WireError:
        return WireError(message, code=code, param=self._spell(name)[:100])

    def _spell(self, name: str) -> str:
        return f"{self._prefix}[{name}]" if self._prefix else name

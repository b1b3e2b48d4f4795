"""Changes the running program: a function's own source with a few words exchanged, or wrapped."""

import inspect
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import reduce
from importlib import import_module
from textwrap import dedent
from typing import Any, Final

Setter = Callable[[Any, str, Any], None]
"""`setattr`, or that of a test which takes everything back."""

# Where names are looked for that were imported before their function was replaced.
_PRODUCT: Final = (
    "admission", "auth", "graph", "inventory", "kit", "loaders", "models", "notifications",
    "orders", "payments", "resolvers", "runtime", "sandbox", "subscriptions",
)  # fmt: skip


class DoesNotApply(Exception):
    """The present code is not what this change was written for."""


@dataclass(frozen=True, slots=True)
class Rewrite:
    """Exchange words in the source of `where`, "module:function" or "module:Class.method".

    Each `old` of `edits` (old, new) has to be there exactly once.
    """

    where: str
    edits: tuple[tuple[str, str], ...]


def find(where: str) -> tuple[Any, str, Callable[..., Any]]:
    """The owner, the name and the function of "module:function" or "module:Class.method".

    Raises:
        DoesNotApply: there is no such function any more.
    """
    module, _, path = where.partition(":")
    *owners, name = path.split(".")
    try:
        owner = reduce(getattr, owners, import_module(module))
        function = vars(owner)[name]
    except (ImportError, AttributeError, KeyError) as error:
        raise DoesNotApply(f"{where} is gone: {error!r}") from error
    return owner, name, function


def methods(where: str) -> Iterator[str]:
    """Every public coroutine method of a class, as `find` takes them."""
    owner, _, found = find(where)
    assert inspect.isclass(found), f"{where} of {owner} is no class"
    for name, function in vars(found).items():
        if inspect.iscoroutinefunction(function) and not name.startswith("_"):
            yield f"{where}.{name}"


def replace(where: str, function: Callable[..., Any], *, put: Setter) -> None:
    """Put another function into the place of one, also where it has been imported by name."""
    owner, name, original = find(where)
    put(owner, name, function)
    if not inspect.ismodule(owner):
        return
    for module in list(sys.modules.values()):
        if module.__name__.partition(".")[0] in _PRODUCT and vars(module).get(name) is original:
            put(module, name, function)


def rewrite(change: Rewrite, *, put: Setter) -> None:
    """Compile a function anew from its changed source, in its own module.

    Raises:
        DoesNotApply: it is gone, or an `old` is not there exactly once; nothing was changed.
    """
    _, name, original = find(change.where)
    source = dedent(inspect.getsource(original))
    for old, new in change.edits:
        source = exchange(source, old, new, of=change.where)
    module = sys.modules[original.__module__]
    made: dict[str, Any] = {}
    code = compile(source, f"<{change.where}, changed>", "exec")
    exec(code, vars(module), made)  # noqa: S102 - the product's own source
    replace(change.where, made[name], put=put)


def exchange(text: str, old: str, new: str, *, of: str) -> str:
    """`text` with the one `old` in it replaced.

    Raises:
        DoesNotApply: it is not there exactly once.
    """
    if text.count(old) != 1:
        raise DoesNotApply(f"{of} has {text.count(old)} times: {old}")
    return text.replace(old, new)

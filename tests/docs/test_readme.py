"""The README promises what the code does."""

from pathlib import Path

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from kit.settings import Limits, Settings

README = Path(__file__).parents[2] / "README.md"


def row(prefix: str, name: str, field: FieldInfo) -> str:
    default = field.default
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    if default == ():
        default = ""
    shown = "" if default == "" else f"`{default}`"
    return f"| `{prefix}{name.upper()}` | {shown} | {field.description} |"


def settings_table() -> list[str]:
    plain = [
        row("FLASHSALE_", name, field)
        for name, field in Settings.model_fields.items()
        if name != "limit"
    ]
    limits = [row("FLASHSALE_LIMIT_", name, field) for name, field in Limits.model_fields.items()]
    return ["| variable | default | meaning |", "|---|---|---|", *plain, *limits]


def test_every_setting_stands_in_the_table_with_its_default_and_meaning() -> None:
    lines = README.read_text(encoding="utf-8").splitlines()
    start = lines.index("| variable | default | meaning |")
    table = lines[start : start + len(settings_table())]
    assert table == settings_table()
    assert not lines[start + len(table)].startswith("|")

"""A wrong setting is one line that names it."""

import pytest

from kit.settings import SettingsError, load_settings, require_stores


def test_a_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLASHSALE_PORT", "eighty")
    with pytest.raises(SettingsError, match=r"^FLASHSALE_PORT: .*README") as caught:
        load_settings()
    assert "\n" not in str(caught.value)


def test_a_wrong_limit_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLASHSALE_LIMIT_CART_BURST", "0")
    with pytest.raises(SettingsError, match=r"^FLASHSALE_LIMIT_CART_BURST: "):
        load_settings()


def test_a_missing_store_is_named() -> None:
    settings = load_settings(database_url="postgresql://localhost/x", redis_url="", mongo_url="")
    with pytest.raises(SettingsError, match=r"^FLASHSALE_REDIS_URL is not set"):
        require_stores(settings)


def test_origins_are_a_list_by_comma(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLASHSALE_PUBLIC_ORIGINS", "https://a.example/, https://b.example")
    assert load_settings().public_origins == ("https://a.example", "https://b.example")

import pytest
from redis import Redis

from bench.ceiling import NoScript, ceiling, sent_script
from kit.settings import Settings
from tests.left_out import needs

SCRIPT = "redis.call('hset', KEYS[1], ARGV[1], ARGV[2]) return 'HELD'"
BUYER = "usr_0123456789abcdef0123456789"
KEY = "{deal:ceiling}:holds"


@needs("redis-benchmark", "redis-tools")
def test_the_script_that_was_sent_is_found_and_run_for_other_buyers(settings: Settings) -> None:
    with Redis.from_url(settings.redis_url) as client:
        sha = client.script_load(SCRIPT)

        def add() -> None:
            client.evalsha(sha, 1, "{deal:other}:holds", BUYER, "1")
            client.evalsha(sha, 1, KEY, BUYER, 'a "b" \\ \xff\n')

        try:
            words = sent_script(settings.redis_url, add, about="{deal:ceiling}")
            assert [word.lower() for word in words[:3]] == ["evalsha", str(sha), "1"]
            assert words[3:5] == [KEY, BUYER]
            seen = ceiling(settings.redis_url, words, buyer=BUYER, depths=(1, 4), requests=400)
            assert set(seen.per_second) == {1, 4}
            assert all(rate > 100 for rate in seen.per_second.values())
            held = client.hkeys(KEY)
            assert len(held) > 100
            assert all(buyer.startswith(BUYER[:-12].encode()) for buyer in held)
            assert set(client.hvals(KEY)) == {'a "b" \\ \xff\n'.encode()}
        finally:
            client.delete(KEY, "{deal:other}:holds")


def test_a_script_that_nobody_ran_is_not_found(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.ceiling._ANSWER_SECONDS", 0.05)
    with pytest.raises(NoScript, match=r"no script about \{deal:none\} was sent"):
        sent_script(settings.redis_url, lambda: None, about="{deal:none}")

import pytest

from bench.wire import CLOSE, PING, TEXT, BadFrame, accepts, client_frame, split_frames


def server_frame(opcode: int, payload: bytes) -> bytes:
    length = len(payload)
    if length < 126:
        return bytes([0x80 | opcode, length]) + payload
    if length < 65_536:
        return bytes([0x80 | opcode, 126]) + length.to_bytes(2, "big") + payload
    return bytes([0x80 | opcode, 127]) + length.to_bytes(8, "big") + payload


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 65_535, 65_536, 70_000])
def test_a_frame_of_any_length_is_read_whole(length: int) -> None:
    payload = bytes(number % 251 for number in range(length))
    assert split_frames(server_frame(TEXT, payload)) == ([(TEXT, payload)], b"")


def test_frames_that_came_together_are_told_apart() -> None:
    stream = server_frame(TEXT, b"one") + server_frame(PING, b"") + server_frame(CLOSE, b"\x03\xe8")
    frames, rest = split_frames(stream)
    assert frames == [(TEXT, b"one"), (PING, b""), (CLOSE, b"\x03\xe8")]
    assert rest == b""


def test_a_stream_cut_anywhere_gives_the_same_frames() -> None:
    stream = server_frame(TEXT, b"x" * 200) + server_frame(TEXT, b"y")
    for cut in range(len(stream) + 1):
        first, rest = split_frames(stream[:cut])
        second, left = split_frames(rest + stream[cut:])
        assert first + second == [(TEXT, b"x" * 200), (TEXT, b"y")]
        assert left == b""


@pytest.mark.parametrize("head", [b"\x01\x03", b"\x81\x83"])
def test_a_fragment_and_a_masked_frame_are_refused(head: bytes) -> None:
    with pytest.raises(BadFrame):
        split_frames(head + b"abcdefg")


def test_a_client_masks_what_it_says_with_zeros() -> None:
    assert client_frame(TEXT, b"hi") == b"\x81\x82\0\0\0\0hi"
    assert client_frame(TEXT, b"h" * 200)[:8] == b"\x81\xfe\x00\xc8\0\0\0\0"


def test_only_the_answer_to_our_own_key_opens_a_socket() -> None:
    # The example of RFC 6455, section 1.3.
    key, digest = "dGhlIHNhbXBsZSBub25jZQ==", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    answer = b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: " + digest
    assert accepts(answer, key)
    assert not accepts(answer, "AGhlIHNhbXBsZSBub25jZQ==")
    assert not accepts(answer.replace(b"101", b"403"), key)

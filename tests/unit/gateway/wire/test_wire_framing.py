"""Frames survive any cut of the stream; handshakes are read and answered as the protocol says."""

from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.gateway.wire.errors import FieldError, FrameTooLong, HandshakeError
from daemon.gateway.wire.framing import (
    FrameReader,
    Handshake,
    encode_frame,
    encode_handshake,
    encode_hello,
    negotiate,
    parse_handshake,
)

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
FRAMES = st.lists(st.lists(TEXT, min_size=1, max_size=5).filter(lambda fields: fields[-1] != ""), max_size=5)


@given(FRAMES, st.lists(st.integers(0, 200)))
def test_frames_come_back_whole_however_the_stream_is_cut(frames: list[list[str]], cuts: list[int]) -> None:
    stream = b"".join(encode_frame(fields) for fields in frames)
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    reader = FrameReader()
    read = [fields for a, b in pairwise(edges) for fields in reader.feed(stream[a:b])]
    assert read == frames


def test_frames_come_back_when_fed_byte_by_byte() -> None:
    frames = [["71", "2", "7", ""], [""], ["1", "6", "9", "été"]]
    reader = FrameReader()
    stream = b"".join(encode_frame(fields) for fields in frames)
    assert [fields for byte in stream for fields in reader.feed(bytes([byte]))] == frames


def test_an_empty_frame_has_no_fields() -> None:
    assert FrameReader().feed(b"\0\0\0\0") == [[]]


def test_trailing_empty_fields_are_kept() -> None:
    assert FrameReader().feed(encode_frame(["71", "", ""])) == [["71", "", ""]]


def test_bytes_that_are_not_utf8_become_escapes() -> None:
    assert FrameReader().feed(b"\0\0\0\x03a\xff\0") == [["a\\xff"]]


def test_an_oversized_frame_is_refused_from_its_length_alone_and_earlier_frames_are_not_lost() -> None:
    reader = FrameReader(limit=10)
    with pytest.raises(FrameTooLong, match=r"11 bytes.*10 bytes") as caught:
        reader.feed(encode_frame(["5", "1"]) + b"\0\0\0\x0b")
    assert (caught.value.length, caught.value.limit, caught.value.completed) == (11, 10, [["5", "1"]])


def test_the_default_limit_is_sixteen_mebibytes() -> None:
    assert FrameReader().feed(b"\x01\0\0\0") == []
    with pytest.raises(FrameTooLong):
        FrameReader().feed(b"\x01\0\0\x01")


def test_a_nul_inside_a_field_is_never_written() -> None:
    with pytest.raises(FieldError, match="NUL"):
        encode_frame(["4", "a\0b"])


def test_the_documented_handshake_bytes_are_read() -> None:
    data = bytes.fromhex("41504900 00000009 763135372e2e313736")
    assert parse_handshake(data + b"next") == (Handshake(min_version=157, max_version=176), len(data))


def test_an_incomplete_handshake_asks_for_more() -> None:
    data = encode_handshake(Handshake(min_version=157, max_version=178, options="+PACEAPI"))
    assert all(parse_handshake(data[:length]) is None for length in range(len(data)))


@given(st.integers(100, 300), st.integers(100, 300), TEXT)
def test_a_handshake_is_read_as_it_was_written(low: int, high: int, options: str) -> None:
    handshake = Handshake(min_version=low, max_version=high, options=options)
    data = encode_handshake(handshake)
    assert parse_handshake(data) == (handshake, len(data))


@pytest.mark.parametrize("data", [b"63\0", b"GET / HTTP/1.1", b"API\0\0\0\0\x03abc", b"API\0\xff\xff\xff\xff"])
def test_anything_but_a_handshake_is_refused(data: bytes) -> None:
    with pytest.raises(HandshakeError):
        parse_handshake(data)


@given(st.binary(max_size=40))
def test_random_first_bytes_only_ever_give_a_handshake_error(data: bytes) -> None:
    for start in (data, b"API\0" + data, b"API\0\0\0\0\x05" + data):
        with suppress(HandshakeError):
            parse_handshake(start)


@pytest.mark.parametrize(
    ("low", "high", "expected"), [(157, 176, 176), (157, 178, 178), (100, 157, 157), (100, 223, 178), (157, 158, 157)]
)
def test_the_highest_common_version_is_chosen_but_never_158(low: int, high: int, expected: int) -> None:
    assert negotiate(Handshake(min_version=low, max_version=high)) == expected


@pytest.mark.parametrize(("low", "high"), [(100, 156), (203, 223), (158, 158)])
def test_no_common_version_is_refused(low: int, high: int) -> None:
    with pytest.raises(HandshakeError, match=f"v{low}..{high}"):
        negotiate(Handshake(min_version=low, max_version=high))


def test_the_hello_frame_has_the_documented_bytes() -> None:
    expected = "0000001a 31353700 32303236313132302031383a30303a30302045535400"
    assert encode_hello(157, "20261120 18:00:00 EST") == bytes.fromhex(expected)

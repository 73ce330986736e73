"""Every message of both directions is read back as it was written, at every layout version."""

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.gateway.wire.errors import WireError
from daemon.gateway.wire.framing import FrameReader, encode_frame
from daemon.gateway.wire.messages import Catalogue, Message, Request, Response, UnknownMessage
from daemon.gateway.wire.requests import REQUESTS, decode_request, encode_request
from daemon.gateway.wire.responses import RESPONSES, decode_response, encode_response
from tests.fakes.wire_values import filled

VERSIONS = (157, 159, 160, 162, 163, 164, 166, 169, 170, 176, 177, 178)


def _names(catalogue: Catalogue[Request] | Catalogue[Response]) -> list[str]:
    return [row.layout.cls.__name__ for row in catalogue.rows]


def _version(data: st.DataObject, row: Message[object]) -> int:
    return data.draw(st.sampled_from([version for version in VERSIONS if version >= row.since]))


RELAXED = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("row", REQUESTS.rows, ids=_names(REQUESTS))
@RELAXED
@given(st.data())
def test_every_request_is_read_as_it_was_written(row: Message[Request], data: st.DataObject) -> None:
    version = _version(data, row)
    request = filled(row, data, version)
    assert isinstance(request, Request)
    fields = encode_request(request, version)
    (received,) = FrameReader().feed(encode_frame(fields))
    assert decode_request(received, version) == request


@pytest.mark.parametrize("row", RESPONSES.rows, ids=_names(RESPONSES))
@RELAXED
@given(st.data())
def test_every_response_is_read_as_it_was_written(row: Message[Response], data: st.DataObject) -> None:
    version = _version(data, row)
    response = filled(row, data, version)
    assert isinstance(response, Response)
    fields = encode_response(response, version)
    (received,) = FrameReader().feed(encode_frame(fields))
    assert decode_response(received, version) == response


FIXED = settings(RELAXED, max_examples=6)
NEGOTIATED = (157, 163, 176, 177, 178)  # what the clients of the field settle on, and the layouts between


@pytest.mark.parametrize("version", NEGOTIATED)
@pytest.mark.parametrize("row", [*REQUESTS.rows, *RESPONSES.rows], ids=[*_names(REQUESTS), *_names(RESPONSES)])
@FIXED
@given(st.data())
def test_each_message_round_trips_at_each_version_that_clients_negotiate(
    row: Message[Request] | Message[Response], version: int, data: st.DataObject
) -> None:
    value = filled(row, data, version)
    if version < row.since:
        with pytest.raises(WireError, match="version"):
            _catalogue(value).encode(value, version)
        return
    (received,) = FrameReader().feed(encode_frame(_catalogue(value).encode(value, version)))
    assert _catalogue(value).decode(received, version) == value


def _catalogue(value: object) -> Catalogue[Request] | Catalogue[Response]:
    return REQUESTS if isinstance(value, Request) else RESPONSES


def _damage(data: st.DataObject, fields: list[str]) -> list[str]:
    position = data.draw(st.integers(0, len(fields) - 1))
    junk = data.draw(
        st.text(max_size=3) | st.sampled_from(["nan", "-1", "1e9999", "9" * 5000, "99999", "\u0661", "1_0"])
    )
    return data.draw(
        st.sampled_from(
            [
                fields[:position],
                [*fields[:position], junk, *fields[position + 1 :]],
                [*fields[:position], junk, *fields[position:]],
                [*fields, junk],
            ]
        )
    )


def _read_or_refuse(decode: Callable[[list[str], int], object], fields: list[str], version: int) -> None:
    with suppress(WireError):
        assert isinstance(decode(fields, version), Request | Response | UnknownMessage)


@pytest.mark.parametrize("row", REQUESTS.rows, ids=_names(REQUESTS))
@RELAXED
@given(st.data())
def test_damaged_requests_are_read_or_give_a_wire_error_and_nothing_else(
    row: Message[Request], data: st.DataObject
) -> None:
    version = _version(data, row)
    fields = REQUESTS.encode(filled(row, data, version), version)
    _read_or_refuse(decode_request, _damage(data, fields), version)


@pytest.mark.parametrize("row", RESPONSES.rows, ids=_names(RESPONSES))
@RELAXED
@given(st.data())
def test_damaged_responses_are_read_or_give_a_wire_error_and_nothing_else(
    row: Message[Response], data: st.DataObject
) -> None:
    version = _version(data, row)
    fields = RESPONSES.encode(filled(row, data, version), version)
    _read_or_refuse(decode_response, _damage(data, fields), version)


@RELAXED
@given(st.lists(st.text(max_size=6), max_size=130), st.integers(0, 120), st.sampled_from(VERSIONS))
def test_random_fields_are_read_or_give_a_wire_error_and_nothing_else(
    fields: list[str], msg_id: int, version: int
) -> None:
    _read_or_refuse(decode_request, fields, version)
    _read_or_refuse(decode_request, [str(msg_id), *fields], version)
    _read_or_refuse(decode_response, [str(msg_id), *fields], version)


def test_every_truncation_of_a_request_names_the_field_that_is_missing() -> None:
    fields = ["76", "1", "9001", "DU1", "", "0"]
    for length in range(1, len(fields)):
        with pytest.raises(WireError, match=r"ReqAccountUpdatesMulti\.\w+: the message ends before this field"):
            decode_request(fields[:length], 157)

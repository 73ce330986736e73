"""The table of IB's codes."""

import pytest

from daemon.domain.broker_codes import BROKER_CODES, CodeKind, classify


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (110, CodeKind.ORDER_REJECTED), (201, CodeKind.ORDER_REJECTED), (203, CodeKind.ORDER_REJECTED),
        (202, CodeKind.ORDER_CANCELLED),
        (399, CodeKind.ORDER_LIVE), (404, CodeKind.ORDER_LIVE),
        (2109, CodeKind.ORDER_LIVE), (10349, CodeKind.ORDER_LIVE),
        (103, CodeKind.ORDER_UNKNOWN), (104, CodeKind.ORDER_UNKNOWN), (105, CodeKind.ORDER_UNKNOWN),
        (321, CodeKind.ORDER_UNKNOWN), (10311, CodeKind.ORDER_UNKNOWN),
        (161, CodeKind.CANCEL_REFUSED), (10147, CodeKind.CANCEL_REFUSED), (10148, CodeKind.CANCEL_REFUSED),
        (1100, CodeKind.CONNECTION), (2110, CodeKind.CONNECTION), (326, CodeKind.CONNECTION),
        (354, CodeKind.DATA), (10197, CodeKind.DATA), (162, CodeKind.REQUEST),
        (2104, CodeKind.NOTICE), (2137, CodeKind.NOTICE), (2169, CodeKind.NOTICE),
        (2170, CodeKind.ORDER_UNKNOWN), (99_999, CodeKind.ORDER_UNKNOWN),
    ],
)  # fmt: skip
def test_code_means(code: int, kind: CodeKind) -> None:
    assert classify(code).kind is kind


def test_every_code_is_explained_and_every_fault_has_a_cure() -> None:
    for code, entry in BROKER_CODES.items():
        assert entry.meaning, code
        if entry.kind is CodeKind.ORDER_UNKNOWN:
            assert entry.cure, code

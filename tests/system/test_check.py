"""`paperd check` as a person and as CI run it."""

from pathlib import Path

import pytest

from tests.system.programs import paperd

FAKES = Path(__file__).parents[1] / "fakes"
QUICK = ("--timeframes", "5m", "--cuts", 40, "--sessions", 2)


def test_sma_cross_passes_with_no_other_argument(tmp_path: Path) -> None:
    done = paperd("check", "sma_cross", cwd=tmp_path)
    assert done.code == 0, done.out + done.err
    assert "sma_cross: all 12 proofs hold" in done.out
    assert done.out.count("ok  ") == 12
    assert done.err == ""
    assert not list(tmp_path.iterdir())


def test_looking_ahead_is_named(tmp_path: Path) -> None:
    done = paperd("check", f"{FAKES}/planted_lookahead.py:CentredAverage", *QUICK, cwd=tmp_path)
    assert done.code == 1
    assert "FAILED  5m  prefix stability" in done.out
    assert "feature level in row 3 (" in done.out
    assert " apart" in done.out
    assert "3 of 6 proofs FAILED" in done.out


def test_too_short_a_warmup_is_named(tmp_path: Path) -> None:
    done = paperd("check", f"{FAKES}/planted_warmup.py:ShortWarmup", *QUICK, "--json", cwd=tmp_path)
    assert done.code == 1
    found = done.json()
    assert found["ok"] is False
    (failed,) = (each for each in found["results"] if not each["ok"])
    assert (failed["proof"], failed["timeframe"]) == ("warm-up", "5m")
    assert "feature mean needs 50 bars, its warmup says 30: 20 too few" in failed["finding"]
    assert failed["needs"][0]["close"] == 50
    assert failed["largest"]["what"] == "feature mean"
    assert failed["largest"]["by"] > 0


def test_parameters_are_those_of_the_command_line(tmp_path: Path) -> None:
    file = f"{FAKES}/planted_warmup.py:ShortWarmup"
    done = paperd("check", file, *QUICK, "--parameters", "period=20", "--parameters", "says=20", cwd=tmp_path)
    assert done.code == 0, done.out


def test_configured_strategy_is_taken_by_its_id(tmp_path: Path) -> None:
    file = tmp_path / "paperd.yaml"
    file.write_text(
        "strategies:\n- {id: mine, type: sma_cross, symbols: [QQQ], timeframes: [15m], capital: 1000,"
        " parameters: {fast: 3, slow: 7}}\n"
    )
    done = paperd("check", "mine", "-c", file, "--cuts", 20, "--json", cwd=tmp_path)
    assert done.code == 0, done.out + done.err
    found = done.json()
    assert found["symbol"] == "QQQ"
    assert {each["timeframe"] for each in found["results"]} == {"15m"}
    assert [need["close"] for need in found["results"][-1]["needs"]] == [3, 7]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("smacross",), 64, "'smacross' is no known strategy; use one of"),
        (("sma_cross", "--timeframes", "5x"), 64, "'5x' is not understood"),
        (("sma_cross", "--symbol", "SPYY"), 64, "did you mean"),
        (("sma_cross", "--parameters", "fast"), 64, "write NAME=VALUE"),
        (("sma_cross", "--parameters", "fast=50"), 78, "fast must be below slow"),
        (("sma_cross", "--parameters", "quick=5"), 78, "parameters.quick"),
        (("missing.py:Mine",), 78, "missing.py is no file"),
        (("broken.py:Mine",), 78, "fails when it is loaded: NameError"),
        ((f"{FAKES}/planted_faults.py:NoSuch",), 78, "has no NoSuch; its classes are"),
        (("sma_cross", "--timeframes", "1d", "--parameters", "slow=1000", "--sessions", 1000, "--cuts", 0), 64, "cuts"),
        (("sma_cross", "-c", "nowhere.yaml"), 78, "nowhere.yaml"),
    ],
)
def test_bad_input_is_told_in_words(tmp_path: Path, arguments: tuple[object, ...], code: int, words: str) -> None:
    (tmp_path / "broken.py").write_text("undefined\n")
    done = paperd("check", *arguments, cwd=tmp_path)
    assert done.code == code, done.err
    assert words in done.err
    assert "Traceback" not in done.err

"""The form of an error over HTTP."""

import json

from daemon.web.problems import problem


def test_a_problem_is_named_by_its_status() -> None:
    response = problem(403, "live money", cure="use paper")
    assert response.status == 403
    assert response.content_type == "application/problem+json"
    assert isinstance(response.body, bytes)
    assert json.loads(response.body) == {
        "type": "about:blank",
        "title": "Forbidden",
        "status": 403,
        "detail": "live money",
        "cure": "use paper",
    }

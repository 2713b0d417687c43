import pytest

from affectstream.multimodal.live import guard as guards
from affectstream.multimodal.live.guard import Allowance, Guard, Refused


@pytest.mark.parametrize(
    ("headers", "says"),
    [
        ({"host": "127.0.0.1:8765"}, None),
        ({"host": "localhost:8765", "origin": "http://localhost:8765"}, None),
        ({"host": "[::1]:8765", "origin": "http://[::1]:8765"}, None),
        ({"host": "127.0.0.1:8765", "origin": "https://example.org"}, "page of https://example.org"),
        ({"host": "127.0.0.1:8765", "origin": "http://127.0.0.1:9999"}, "page of"),
        ({"host": "127.0.0.1:8765", "origin": "null"}, "page of null"),
        ({"host": "rebound.example.org:8765", "origin": "http://rebound.example.org:8765"}, "asked for as"),
        ({}, "asked for as nobody"),
    ],
)
def test_only_pages_of_ours_on_this_computer(headers: dict[str, str], says: str | None) -> None:
    if says is None:
        Guard("127.0.0.1").check(headers, "")
    else:
        with pytest.raises(Refused, match=says):
            Guard("127.0.0.1").check(headers, "")


def test_elsewhere_only_with_the_token() -> None:
    with pytest.raises(ValueError, match=r"0\.0\.0\.0 without a token"):
        Guard("0.0.0.0")
    guard = Guard("0.0.0.0", "secret")
    guard.check({"host": "lab.example.org", "origin": "https://lab.example.org"}, "secret")
    for token in ("", "Secret", "secret2", "sécret"):
        with pytest.raises(Refused, match="token"):
            guard.check({"host": "lab.example.org"}, token)


def test_an_allowance_is_a_rate_and_a_burst(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(guards.time, "monotonic", lambda: now)
    allowance = Allowance(10.0, 5.0)
    assert [allowance.take() for _ in range(6)] == [True] * 5 + [False]
    now += 0.35
    assert [allowance.take() for _ in range(4)] == [True] * 3 + [False]
    now += 1000
    assert not allowance.take(5.5) and allowance.take(5.0)

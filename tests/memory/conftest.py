"""Every test of the run store has a home of its own."""

import pytest

from memory.records import Budget, Goal
from memory.runs import Run, RunStore


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("QIMENG_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def store():
    return RunStore()


@pytest.fixture
def make_run(store):
    """A new run, closed at the end of the test."""
    made: list[Run] = []

    def make(text: str = "a counter", **caps: float) -> Run:
        goal = Goal(text=text, budget=Budget.model_validate(caps))
        made.append(store.create(goal, {}, {"qimeng": "test"}))
        return made[-1]

    yield make
    for run in made:
        run.close()


@pytest.fixture
def ask():
    """One model call of so many tokens through a run's journal; counts the calls made."""

    class Ask:
        def __init__(self) -> None:
            self.made: list[str] = []

        def __call__(self, run: Run, key: str, tokens: int = 10, usd: float = 0.0) -> str:
            def do() -> str:
                self.made.append(key)
                return f"answer to {key}"

            def dump(text: str) -> tuple[bytes, dict]:
                return text.encode(), {
                    "tokens_in": tokens,
                    "tokens_out": tokens,
                    "usd": usd,
                    "cached": False,
                }

            return run.once("model", "m", key, key.encode(), do, dump, bytes.decode, "agent")

    return Ask()

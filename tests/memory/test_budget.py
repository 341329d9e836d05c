"""Budgets: a fold over events, a warning at 80 %, a pause at the cap, and never a doubled spend."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory.budget import BudgetReached, add, parse_budget, spend_of
from memory.events import Event
from memory.records import Budget, Spend
from memory.runs import StopRequested


def event(kind, elapsed=0.0, **data):
    return Event(1, 0, 0.0, elapsed, kind, "agent", data)


tokens = st.integers(0, 10**6)
money = st.none() | st.floats(0, 100)
happenings = st.lists(
    st.one_of(
        st.builds(
            lambda i, o, u, kind: event(kind, type="model", tokens_in=i, tokens_out=o, usd=u),
            tokens,
            tokens,
            money,
            st.sampled_from(["call.finished", "call.failed"]),
        ),
        st.just(event("call.finished", type="tool", exit_code=0)),
        st.just(event("candidate.made", candidate={})),
        st.just(event("note", text="hello")),
    )
)


@given(happenings)
def test_the_fold_is_the_sum(events):
    spend = spend_of(events)
    model = [e for e in events if e.data.get("type") == "model"]
    assert spend.tokens_in == sum(e.data["tokens_in"] for e in model)
    assert spend.tokens_out == sum(e.data["tokens_out"] for e in model)
    assert spend.usd == pytest.approx(sum(e.data["usd"] or 0 for e in model))
    assert spend.candidates == sum(e.kind == "candidate.made" for e in events)


@given(happenings, st.integers(0, 50))
def test_folding_on_from_anywhere_gives_the_same(events, cut):
    spend = spend_of(events[:cut])
    for later in events[cut:]:
        spend = add(spend, later)
    assert spend == spend_of(events)


def test_working_time_is_that_of_the_last_event():
    assert spend_of([event("note", 3.0), event("note", 7.5)]) == Spend(seconds=7.5)


def test_a_warning_once_at_80_percent_then_a_pause_at_the_cap(make_run, ask):
    run = make_run(tokens=100)
    kinds = []
    for number in range(5):
        ask(run, str(number))
        kinds.append([e.kind for e in run.log.events].count("budget.warned"))
    assert kinds == [0, 0, 0, 0, 1]  # before the fifth call 80 of 100 tokens are used
    with pytest.raises(BudgetReached, match="100 of 100 tokens"):
        ask(run, "one too many")
    assert run.spend.tokens_in + run.spend.tokens_out == 100
    assert ask.made == ["0", "1", "2", "3", "4"]
    assert ask(run, "2") == "answer to 2", "what is paid stays readable past the cap"


def test_tools_go_on_when_only_tokens_are_used_up(make_run, ask):
    run = make_run(tokens=20)
    ask(run, "all of it")

    def tool(key):
        return run.once("tool", "t", key, b"", lambda: "ran", lambda r: (b"r", {}), str, "agent")

    assert tool("a") == "ran"
    run.emit("budget.set", "user", budget={"seconds": 0})
    with pytest.raises(BudgetReached, match="seconds"):
        tool("b")


def test_new_caps_let_it_go_on_and_warn_again(make_run, ask):
    run = make_run(tokens=20)
    ask(run, "a")
    with pytest.raises(BudgetReached):
        ask(run, "b")
    run.emit("budget.set", "user", budget={"tokens": 45})
    ask(run, "b")
    ask(run, "c")
    assert run.has("budget.warned", limit=45)


def test_money_is_a_cap_too_and_an_unknown_price_counts_nothing(make_run, ask):
    run = make_run(usd=0.5)
    ask(run, "a", usd=None)
    ask(run, "b", usd=0.5)
    with pytest.raises(BudgetReached, match="usd"):
        ask(run, "c")


def test_a_stop_comes_before_the_next_call(make_run, ask):
    run = make_run()
    run.stopping.set()
    with pytest.raises(StopRequested):
        ask(run, "a")
    assert ask.made == []


def test_budgets_in_words():
    assert parse_budget("tokens=20000, seconds=600,usd=1.5") == Budget(
        tokens=20000, seconds=600, usd=1.5
    )
    assert parse_budget("") == Budget()


@pytest.mark.parametrize(
    "text",
    [
        "tokens",
        "tokens=",
        "tokens=many",
        "tokens=-1",
        "money=3",
        "seconds=nan",
        "usd=inf",
        "candidates=0",
    ],
)
def test_a_budget_that_is_none_is_refused_in_one_line(text):
    with pytest.raises(ValueError, match="budget") as caught:
        parse_budget(text)
    assert "\n" not in str(caught.value)

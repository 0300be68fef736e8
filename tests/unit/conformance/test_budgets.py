"""The table of budgets and its place in SPEC.md."""


from conformance import budgets

VALUES = {budget.name: 0.25 * (budget.limit or 4) for budget in budgets.BUDGETS}


def test_the_table_has_a_row_for_each_budget() -> None:
    lines = budgets.table(VALUES).splitlines()
    assert len(lines) == 2 + len(budgets.BUDGETS)
    assert lines[2].endswith("| 0.12 s | ≤ 0.5 s |")


def test_only_what_is_promised_can_be_exceeded() -> None:
    assert budgets.exceeded(VALUES) == []
    assert budgets.exceeded(dict.fromkeys(VALUES, 1000.0)) == [b.name for b in budgets.BUDGETS if b.limit]

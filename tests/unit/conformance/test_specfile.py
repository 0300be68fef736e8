"""The measured blocks of SPEC.md: each has its place, and is replaced there and nowhere else."""

import pytest

from conformance import budgets, shimbench, specfile


def test_the_block_is_replaced_and_nothing_else() -> None:
    begin, end = specfile.markers("figures", "make figures")
    document = f"before\n{begin}\nold\n{end}\nafter\n"
    assert specfile.replace_block(document, begin, end, "new") == f"before\n{begin}\nnew\n{end}\nafter\n"
    with pytest.raises(ValueError, match="no place"):
        specfile.replace_block("nothing", begin, end, "new")


@pytest.mark.parametrize("markers", [(budgets.BEGIN, budgets.END), (shimbench.BEGIN, shimbench.END)])
def test_the_specification_has_a_place_for_it(markers: tuple[str, str]) -> None:
    document = specfile.SPEC.read_text()
    assert specfile.replace_block(document, *markers, "new") != document

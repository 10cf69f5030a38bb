"""Every requirement has a test or a reason why not, and the page says which."""

import pytest

from broker.tools.conformance.requirements import REQUIREMENTS
from tests.conformance import page
from tests.conformance.coverage import CHECK, NOT_MADE_HERE, UNTESTABLE, checks, marked, proofs
from tests.conformance.visitor import VERSIONS


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_a_requirement_has_a_test_or_a_reason_why_not(name: str) -> None:
    proved = [proof.name for proof in proofs() if name in proof.ids]

    assert bool(proved) != (name in UNTESTABLE), proved


def test_every_named_id_exists() -> None:
    named = {name for proof in proofs() for name in proof.ids} | set(UNTESTABLE)

    assert named - set(REQUIREMENTS) == set()


def test_every_reason_is_a_sentence() -> None:
    assert all(len(reason.split()) > 3 for reason in (*UNTESTABLE.values(), *NOT_MADE_HERE.values()))


def test_a_check_proves_nothing_in_versions_that_its_ids_do_not_have() -> None:
    idle = [proof.name for proof in checks() if not any(REQUIREMENTS[name].versions for name in proof.ids)]

    assert idle == []
    assert set(VERSIONS) <= set(REQUIREMENTS["TR-01"].versions)


def test_no_test_bears_the_name_of_another() -> None:
    names = [(proof.place, proof.name) for proof in proofs()]

    assert len(names) == len(set(names))
    assert CHECK not in {proof.place for proof in marked()}


def test_the_page_is_current() -> None:
    """.venv/bin/python -m tests.conformance.page writes it."""
    assert page.PAGE.read_text() == page.text()

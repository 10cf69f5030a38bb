"""What people read when an import is over."""

from broker.cli.peer_import import Report, Verdict
from broker.cli.portable_files import Line
from ocpi_broker.v1.peer_service_pb2 import IMPORT_OUTCOME_IMPORTED, IMPORT_OUTCOME_UNCHANGED


def refused(number, name, reason):
    return Verdict(Line(number, name), reason=reason)


def test_refusals_are_told_in_the_order_of_the_lines_and_move_no_cursor():
    report = Report(
        [
            Verdict(Line(1, "good"), IMPORT_OUTCOME_IMPORTED),
            refused(2, None, "is not a JSON object"),
            refused(3, "\x1b[31mred", "version: is missing"),
            Verdict(Line(4, "good"), IMPORT_OUTCOME_UNCHANGED),
        ]
    )

    assert report.text(dry_run=True).splitlines() == [
        "1 would be imported, 1 unchanged, 2 refused",
        "line 2: is not a JSON object",
        "line 3, \\x1b[31mred: version: is missing",
    ]


def test_a_thousand_refusals_for_one_reason_are_counted():
    report = Report([*(refused(number, "kwl", "there is no such tenant") for number in range(1000)),
                     refused(1000, "other", "version: is missing")])  # fmt: skip

    summary, *rows = report.text(dry_run=False).splitlines()

    assert summary == "0 imported, 0 unchanged, 1001 refused"
    assert len(rows) == 22
    assert rows[-2:] == [
        "line 1000, other: version: is missing",
        "and 980 more lines, which --json lists: there is no such tenant",
    ]
    assert len(report.document()["refused"]) == 1001

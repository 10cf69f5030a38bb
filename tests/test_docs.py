"""What the pages say in tables is what the code does: permissions, reasons, policy, log events, ids of rules."""

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from google.protobuf.duration_pb2 import Duration

from broker.cli import notation
from broker.core.caller import CallerRole
from broker.core.health import Trouble
from broker.core.model import Policy
from broker.core.quirks import Quirks
from broker.core.warning_ids import WarningId
from broker.process.metrics import CATALOGUE as METRICS
from broker.rpc import refusals
from broker.rpc.permissions import RULES, Rule
from broker.tools.conformance.requirements import REQUIREMENTS
from broker.tools.mock_peer.console import FORMS
from broker.tools.mock_peer.faults import CATALOGUE
from gateway.refusals import REFUSALS
from ocpi_broker.v1 import reasons_pb2, resources_pb2
from tests.conformance.mock_peer_faults import CROSSING, HARMLESS

ROOT = Path(__file__).resolve().parent.parent
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", ROOT / "clients/python/README.md", *DOCS]
GROUPS = "AU|CO|EN|GT|HB|ID|PG|PR|RH|RR|RS|SC|TK|TR|TY|UN|UR|VD|VL"
ID = re.compile(rf"\b(?:(?:{GROUPS})-\d\d|[AF][1-9]\d?)\b")
RANGE = re.compile(rf"\b({GROUPS})-(\d\d) to (?:\1-)?(\d\d)\b")


def rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the table below a heading, without the table's own head."""
    text = (ROOT / "docs" / page).read_text()
    section = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", text, re.MULTILINE | re.DOTALL)
    assert section is not None, f"{page} has no heading {heading}"
    lines = [line for line in section[1].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def short(method: str) -> str:
    """TokenService.GetPeerToken for /ocpi_broker.v1.TokenService/GetPeerToken."""
    service, name = method.strip("/").split("/")
    return f"{service.rpartition('.')[2]}.{name}"


def stated(rule: Rule) -> list[str]:
    roles = ["yes" if role in rule.roles else "-" for role in CallerRole]
    return [*roles, "yes" if rule.tenant.__name__ != "_nothing" else "-"]


def test_the_table_of_rpcs_is_that_of_the_permissions() -> None:
    written = {name: cells for name, *cells in rows("operations.md", "Table of RPCs")}

    assert written == {short(method): stated(rule) for method, rule in RULES.items() if not rule.public}


def test_the_table_of_reasons_is_that_of_the_contract() -> None:
    written = {cells[0].strip("`"): cells[1:3] for cells in rows("api.md", "Reasons")}

    names = [name.removeprefix("REASON_") for name, number in reasons_pb2.Reason.items() if number]
    assert written == {
        name: [refusals.STATUS[name].name, f"{REFUSALS[name].status:d} [{REFUSALS[name].code:d}]"] for name in names
    }


def test_the_defaults_of_a_tenants_policy_are_those_of_the_model() -> None:
    written = {cells[1].strip("`"): cells[2] for cells in rows("operations.md", "Tenant policy")}

    policy = Policy()
    assert written == {
        "--invitation-expiry": notation.period_text(Duration(seconds=policy.invitation_expiry)),
        "--post-retry-window": notation.period_text(Duration(seconds=policy.post_retry_window)),
        "--put-retry-window": notation.period_text(Duration(seconds=policy.put_retry_window)),
        "--rotation-period": notation.period_text(Duration(seconds=policy.rotation_period)),
        "--probe-interval": notation.period_text(Duration(seconds=policy.probe_interval)),
        "--require": "none" if policy.required_modules == () else "",
        "--role-policy": policy.role_policy.value.lower(),
        "--downgrade": "allowed" if policy.may_downgrade else "locked",
        "--strict`, `--no-strict": "yes" if policy.strict else "no",
    }


def test_the_table_of_failing_connections_is_that_of_the_model_and_of_the_contract() -> None:
    written = [cells[0].strip("`") for cells in rows("operations.md", "Failing connections")]

    names = [name.removeprefix("HEALTH_REASON_") for name, number in resources_pb2.HealthReason.items() if number]
    assert written == [trouble.name for trouble in Trouble] == names


def test_the_table_of_warnings_is_that_of_the_model() -> None:
    first = [cells[0] for cells in rows("concepts.md", "State of a peer")]
    written = re.findall(r"`([A-Z_]+)`", "".join(first))

    assert written == [*WarningId]


def test_ids_of_warnings_stand_in_one_place() -> None:
    strays = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in (ROOT / "broker").rglob("*.py")
        if path.name != "warning_ids.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and node.value in {*WarningId}
    ]

    assert strays == []


def test_the_table_of_quirks_is_that_of_the_model() -> None:
    written = {cells[0].strip("`"): (cells[1], cells[2]) for cells in rows("versions.md", "Quirks")}

    assert list(written) == [quirk.name for quirk in fields(Quirks) if quirk.name != "later"]
    for name, (values, unless_set) in written.items():
        usually = Quirks().tolerates(name, strict=False)
        if values == "`true`, `false`":
            assert unless_set.startswith("`true`" if usually else "`false`"), name
            assert ("strict" in unless_set) == (usually and not Quirks().tolerates(name, strict=True)), name
        for value in re.findall(r"`(\w+)`", values) or ["65", "255"]:
            Quirks.read({name: value})


def test_the_table_of_faults_is_the_catalogue() -> None:
    written = [tuple(cells) for cells in rows("mock-peer.md", "All faults")]

    assert written == [(f"`{kind.form}`", kind.where, kind.meaning) for kind in CATALOGUE.values()]


def test_the_faults_that_break_no_rule_are_those_that_the_checker_passes() -> None:
    (written,) = re.findall(
        r"^These break no rule of OCPI.*?\n\n", (ROOT / "docs" / "mock-peer.md").read_text(), re.MULTILINE | re.DOTALL
    )

    assert set(re.findall(r"`([a-z-]+)`", written)) == {*HARMLESS, *CROSSING}


def test_the_table_of_the_mock_peers_commands_is_what_it_obeys() -> None:
    written = [cells[0].strip("`") for cells in rows("mock-peer.md", "Commands")]

    assert written == list(FORMS.values())


def logged(path: Path) -> Iterator[tuple[str, str]]:
    """Every event that a file logs, with its level."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="log" | "_log"), attr=level), args=[ast.Constant(value=str(event))]
            ):
                yield event, "error" if level == "exception" else level


def test_every_log_event_is_described() -> None:
    sources = [path for part in ("broker", "gateway") for path in (ROOT / part).rglob("*.py")]
    events = {found for path in sources for found in logged(path)}

    written = {
        (event, level)
        for names, level, _ in rows("operations.md", "Log events")
        for event in re.findall(r"`(\w+)`", names)
    }

    assert written == events


def test_the_table_of_metrics_is_the_catalogue() -> None:
    written = [tuple(cells) for cells in rows("operations.md", "Metrics")]

    assert written == [
        (
            f"`{name}`{' *' * meaning.by_tenant}",
            meaning.kind,
            ", ".join(f"`{label}`" for label in meaning.labels) or "-",
            meaning.text,
        )
        for name, meaning in METRICS.items()
    ]


def test_an_event_about_a_peer_names_its_tenant_too_and_both_as_commands_take_them() -> None:
    """Peer.where gives both; a peer's resource name is none of them."""
    strays = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for part in ("broker", "gateway")
        for path in (ROOT / part).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and (ast.unparse(node.func).startswith(("_log.", "log.", "defects.report")))
        for names in [{keyword.arg for keyword in node.keywords}]
        if "peer" in names
    ]

    assert strays == []


def listed_ids() -> set[str]:
    """Of the page about rules, and of the one about what is tested of OCPI."""
    explained = re.findall(r"^\| ([A-Z]+-?\d+) \|", (ROOT / "docs" / "requirements.md").read_text(), re.MULTILINE)
    return {*explained, *REQUIREMENTS}


def texts() -> Iterator[Path]:
    for part in ("broker", "gateway", "proto/ocpi_broker", "tests", "docs"):
        for path in (ROOT / part).rglob("*"):
            if path.suffix in {".py", ".proto", ".md", ".json"}:
                yield path
    yield ROOT / "README.md"


def test_every_id_of_a_rule_is_explained() -> None:
    known = listed_ids()
    unknown = {}
    for path in texts():
        text = path.read_text()
        used = {found[0] for found in ID.finditer(text)}
        for group, first, last in RANGE.findall(text):
            used |= {f"{group}-{number:02}" for number in range(int(first), int(last) + 1)}
        if used - known:
            unknown[str(path.relative_to(ROOT))] = used - known

    assert unknown == {}


def test_what_an_id_means_is_said_in_the_same_words_everywhere() -> None:
    text = (ROOT / "docs" / "requirements.md").read_text()
    written = dict(re.findall(r"^\| (\w+-\d+) \| (.*?) \|", text, re.MULTILINE))

    both = written.keys() & REQUIREMENTS.keys()
    assert {name: written[name] for name in both} == {name: REQUIREMENTS[name].meaning for name in both}


def test_no_id_is_explained_twice() -> None:
    lines = re.findall(r"^\| ([A-Z]+-?\d+) \|", (ROOT / "docs" / "requirements.md").read_text(), re.MULTILINE)

    assert sorted(lines) == sorted(set(lines))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_lines_are_not_too_long(page: Path) -> None:
    """What a program printed is as long as it is."""
    prose = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)

    assert [line for line in prose.splitlines() if len(line) > 120] == []

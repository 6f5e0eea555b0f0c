"""Importing an experiment: right figures from good files, clear words about bad ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from persx.app.imports import ImportExperiment, import_experiment
from persx.app.reports import ReportRequest, experiment_names, report
from persx.app.services import Services
from persx.experiments.statistics.proportions import lift
from persx.model.errors import BadInput, Conflict, NotFound
from persx.model.workspace import Arm, Experiment, Snapshot, Workspace

Run = Callable[[Any], Any]
Csv = Callable[[str], str]

SMALL = "group,sold,amount,city\nA,1,10.5,Graz\nA,0,0,Linz\nB,1,3,Graz\nB,1,4.25,\n"


def request(file: str, **changes: Any) -> ImportExperiment:
    fields: dict[str, Any] = {
        "file": file,
        "name": "test",
        "arm": "group",
        "control": "A",
        "metrics": ("sold", "amount"),
        "attributes": ("city",),
    }
    return ImportExperiment(**{**fields, **changes})


def test_rows_are_units(services: Services, run: Run, csv: Csv) -> None:
    found = run(import_experiment(services, request(csv(SMALL))))
    assert [(each.name, each.kind) for each in found.metrics] == [
        ("sold", "conversion"),
        ("amount", "mean"),
    ]
    readout = run(report(services, ReportRequest(name="test")))
    assert {name: arm.n for name, arm in readout.arms.items()} == {"A": 2, "B": 2}
    assert readout.arms["B"].metrics["sold"].total == 2
    assert readout.arms["B"].metrics["sold"].lift == lift(2, 2, 1, 2).lift
    assert readout.arms["B"].metrics["amount"].total == 7.25
    assert list(readout.segments["city"]) == ["Graz", "Linz", "(unknown)"]
    assert readout.segments["city"]["(unknown)"].arms["B"].n == 1
    assert run(experiment_names(services)) == ["test"]


def test_units_gather_their_rows(services: Services, run: Run, csv: Csv) -> None:
    text = (
        "user,group,sold,amount,city\n"
        "1,A,0,1.5,Graz\n1,A,1,2,Graz\n1,A,1,3,Linz\n"
        "2,B,0,4,Graz\n2,B,0,5,Graz\n"
        "3,A,1,100,Graz\n3,B,1,100,Graz\n"
    )
    run(import_experiment(services, request(csv(text), unit="user")))
    readout = run(report(services, ReportRequest(name="test")))
    assert {name: arm.n for name, arm in readout.arms.items()} == {"A": 1, "B": 1}
    assert readout.arms["A"].metrics["sold"].total == 1
    assert readout.arms["A"].metrics["amount"].total == 6.5
    assert readout.arms["B"].metrics["amount"].total == 9
    assert readout.contaminated == 1
    assert readout.segments["city"]["(several)"].arms["A"].n == 1


def test_measured_numbers_are_cut_at_quartiles(services: Services, run: Run, csv: Csv) -> None:
    rows = "".join(f"{'AB'[i % 2]},{i % 3 % 2},{i},{i / 8}\n" for i in range(200))
    text = "group,sold,age,weight\n" + rows
    asked = request(csv(text), metrics=("sold",), attributes=("age", "weight"))
    run(import_experiment(services, asked))
    readout = run(report(services, ReportRequest(name="test")))
    for attribute in ("age", "weight"):
        sizes = [
            sum(arm.n for arm in segment.arms.values())
            for segment in readout.segments[attribute].values()
        ]
        assert sizes == [50, 50, 50, 50]
    assert list(readout.segments["age"]) == ["0–49", "50–99", "100–149", "150–199"]


def test_few_numbers_stay_as_they_are_and_in_order(services: Services, run: Run, csv: Csv) -> None:
    rows = "".join(f"{'AB'[i % 2]},{i % 3 % 2},{i % 12}\n" for i in range(120))
    file = csv("group,sold,month\n" + rows)
    run(import_experiment(services, request(file, metrics=("sold",), attributes=("month",))))
    readout = run(report(services, ReportRequest(name="test")))
    assert list(readout.segments["month"]) == [str(month) for month in range(12)]


def test_true_and_false_are_a_conversion(services: Services, run: Run, csv: Csv) -> None:
    text = "group,sold\nA,true\nA,false\nB,true\nB,true\n"
    run(import_experiment(services, request(csv(text), metrics=("sold",), attributes=())))
    readout = run(report(services, ReportRequest(name="test")))
    assert readout.arms["B"].metrics["sold"].total == 2


def test_yes_and_no_are_names_of_arms_and_answers_of_a_metric(
    services: Services, run: Run, csv: Csv
) -> None:
    text = "group,sold\nNo,True\nyes,FALSE\nyes,true\nNo,false\n"
    asked = request(csv(text), control="No", metrics=("sold",), attributes=())
    run(import_experiment(services, asked))
    readout = run(report(services, ReportRequest(name="test")))
    assert list(readout.arms) == ["No", "yes"]
    assert [arm.metrics["sold"].total for arm in readout.arms.values()] == [1, 1]


def test_near_numbers_make_different_ranges(services: Services, run: Run, csv: Csv) -> None:
    rows = "".join(f"{'AB'[i % 2]},{i % 3 % 2},{1000 + i * 1e-6}\n" for i in range(200))
    asked = request(csv("group,sold,weight\n" + rows), metrics=("sold",), attributes=("weight",))
    run(import_experiment(services, asked))
    readout = run(report(services, ReportRequest(name="test")))
    assert len(readout.segments["weight"]) == 4


def test_only_the_file_of_the_experiment_is_kept(services: Services, run: Run, csv: Csv) -> None:
    def tables() -> list[str]:
        return sorted(path.name for path in services.warehouse._home.glob("tables/*"))  # type: ignore[attr-defined]

    run(import_experiment(services, request(csv(SMALL))))
    first = tables()
    assert len(first) == 1
    with pytest.raises(BadInput):
        run(import_experiment(services, request(csv(SMALL), arm="grup")))
    with pytest.raises(BadInput):
        run(import_experiment(services, request(csv(SMALL + "C,x,1,\n"))))
    assert tables() == first
    run(import_experiment(services, request(csv(SMALL), name="same-file")))
    assert len(tables()) == 2
    run(import_experiment(services, request(csv(SMALL + "B,0,1,\n"))))
    assert len(tables()) == 2
    assert first[0] not in tables()
    assert run(report(services, ReportRequest(name="test"))).visitors == 5
    assert run(report(services, ReportRequest(name="same-file"))).visitors == 4


def test_hostile_names_are_only_names(services: Services, run: Run, csv: Csv) -> None:
    column = 'x""; DROP TABLE log; --'
    text = f'group,"{column.replace(chr(34) * 2, chr(34) * 2)}",{{arm}}\nA,1,<b>\nB,0,\'\n'
    name = column.replace('""', '"')
    run(import_experiment(services, request(csv(text), metrics=(name,), attributes=("{arm}",))))
    readout = run(report(services, ReportRequest(name="test")))
    assert readout.arms["A"].metrics[name].total == 1
    assert set(readout.segments["{arm}"]) == {"<b>", "'"}


@pytest.mark.parametrize(
    ("text", "changes", "said"),
    [
        (SMALL, {"arm": "grup"}, "has no column 'grup' .--arm.. Did you mean 'group'"),
        (SMALL, {"metrics": ("sold", "amonut")}, "Did you mean 'amount'"),
        (SMALL, {"attributes": ("town",)}, "no column 'town'"),
        (SMALL, {"unit": "user"}, "no column 'user' .--unit."),
        (SMALL, {"metrics": ()}, "No metric is named"),
        (SMALL, {"metrics": ("sold", "sold")}, "named twice"),
        (SMALL, {"attributes": ("group",)}, "named twice: by --arm and --attributes"),
        (SMALL, {"control": "a"}, "No row has 'a'.*Did you mean 'A'"),
        (
            SMALL,
            {"metrics": ("city",), "attributes": ()},
            "1 of 4 rows have nothing in the metric column 'city'",
        ),
        (SMALL, {"unit": "city"}, "named twice"),
        (SMALL, {"unit": "city", "attributes": ()}, "nothing in the unit column"),
        (SMALL, {"weights": {"A": 1}}, "No weight is stated for 'B'"),
        (SMALL, {"weights": {"A": 1, "B": 1, "C": 1}}, "'C', which is not an arm"),
        (SMALL, {"weights": {"A": -1, "B": 1}}, "must be 0 or more"),
        (SMALL, {"name": "../x"}, "cannot be the name"),
        (SMALL, {"name": ""}, "cannot be the name"),
        ("group,sold,amount,city\nA,1,2,x\nA,0,1,x\n", {}, "nothing to compare"),
        ("group,sold,amount,city\nA,1,x,y\nB,0,1,y\n", {}, "'x' is no number"),
        ("group,sold,amount,city\nA,1,nan,y\nB,0,1,y\n", {}, "'nan' is no number"),
        ("group,sold,amount,city\nA,1,inf,y\nB,0,1,y\n", {}, "'inf' is no number"),
        ("group,sold,amount,city\nA,1,1e200,y\nB,0,1,y\n", {}, "is no number that can"),
        ("group,sold,amount,city\nA,1,2024-01-05,y\nB,0,2024-01-06,y\n", {}, "'2024-01-05' is no"),
        ("group,sold,amount,city\n,1,1,y\nB,0,1,y\n", {"control": "B"}, "in the arm column"),
        ("group,sold,amount,city\n", {}, "no rows"),
        (
            "group,sold,amount,city\n" + "".join(f"{'AB'[i % 2]},1,2,c{i}\n" for i in range(99)),
            {},
            "'city' has 99 different values",
        ),
        (
            "group,sold\n" + "".join(f"g{i},1\n" for i in range(99)),
            {"metrics": ("sold",), "attributes": ()},
            "too many for arms",
        ),
    ],
)  # fmt: skip
def test_bad_input_is_named(
    services: Services, run: Run, csv: Csv, text: str, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(BadInput, match=said):
        run(import_experiment(services, request(csv(text), **changes)))
    assert run(services.store.values("experiment:")) == {}


def test_bad_files_are_named(services: Services, run: Run, tmp_path: Any) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        run(import_experiment(services, request(str(tmp_path / "none.csv"))))
    with pytest.raises(BadInput, match="ends in"):
        run(import_experiment(services, request(str(tmp_path / "x.docx"))))
    (tmp_path / "empty.csv").touch()
    with pytest.raises(BadInput, match="is empty"):
        run(import_experiment(services, request(str(tmp_path / "empty.csv"))))
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(BadInput, match="cannot be read"):
        run(import_experiment(services, request(str(tmp_path / "folder.csv"))))


def test_a_refused_file_replaces_nothing(services: Services, run: Run, csv: Csv) -> None:
    run(import_experiment(services, request(csv(SMALL))))
    before = run(report(services, ReportRequest(name="test")))
    with pytest.raises(BadInput):
        run(import_experiment(services, request(csv(SMALL.replace("10.5", "ten")))))
    assert run(report(services, ReportRequest(name="test"))) == before


def test_names_of_live_experiments_are_taken(services: Services, run: Run, csv: Csv) -> None:
    with pytest.raises(Conflict):
        run(import_experiment(services, request(csv(SMALL), name="holdout")))
    workspace = Workspace(experiments={"live": Experiment(key="live", arms=(Arm(name="a"),))})
    snapshot = Snapshot(
        number=0, digest="", published=0, author="", message="", workspace=workspace
    )
    run(services.store.publish(snapshot))
    with pytest.raises(Conflict):
        run(import_experiment(services, request(csv(SMALL), name="live")))


def test_unknown_names_have_a_hint(services: Services, run: Run, csv: Csv) -> None:
    with pytest.raises(NotFound, match="persx import experiment"):
        run(report(services, ReportRequest(name="test")))
    run(import_experiment(services, request(csv(SMALL), name="mails")))
    with pytest.raises(NotFound, match="Did you mean 'mails'"):
        run(report(services, ReportRequest(name="mail")))

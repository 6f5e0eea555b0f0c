"""Evaluation files: what a line means, what is fitted and what is asked, and what is refused."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from persx.app.evaluating import read_trial
from persx.cli import main
from persx.model.errors import BadInput
from persx.recommend.evaluation.formats import FORMATS
from persx.recommend.evaluation.trial import Trial
from persx.recommend.options import read_options
from persx.recommend.recommenders import RECOMMENDERS


def trial(folder: Path, form: str, train: str, test: str | None = None, **options: Any) -> Trial:
    (folder / "train.txt").write_text(train)
    if test is not None:
        (folder / "test.txt").write_text(test)
    path = None if test is None else folder / "test.txt"
    return read_trial(FORMATS[form], folder / "train.txt", path, **options)


def rows(found: Trial) -> list[list[str]]:
    """What is fitted, by user."""
    data = found.train
    names = np.array([*data.ids, ""])
    return [names[data.items[data.users == user]].tolist() for user in range(data.user_count)]


def cases(found: Trial) -> list[tuple[list[str], list[str]]]:
    """What is asked: known, wanted."""
    ids = found.train.ids
    return [
        ([ids[item] for item in case.query.items], [ids[item] for item in case.wanted])
        for case in found.cases
    ]


def test_interactions(tmp_path: Path) -> None:
    found = trial(tmp_path, "interactions", "u1 a b\nu2 b c\nu1 d\n\n", "u2 a x\nu3 c c\nu1\n")
    assert rows(found) == [["a", "b", "d"], ["b", "c"]]
    # Who is new is asked too; who wanted nothing is not. An item of the test alone is no hit.
    assert cases(found) == [(["b", "c"], ["a", "x"]), ([], ["c"])]
    assert found.exclude
    assert not found.train.timed
    assert not found.cases[0].query.ages.any()


def test_a_part_of_training_is_held_out_for_validation(tmp_path: Path) -> None:
    lines = "\n".join(f"u{user} " + " ".join(f"i{n}" for n in range(20)) for user in range(30))
    found = trial(tmp_path, "interactions", lines, "u1 x", validation=True)
    again = trial(tmp_path, "interactions", lines, "u1 y", validation=True)
    assert cases(found) == cases(again)
    assert sum(len(case.wanted) for case in found.cases) == 60
    for case in found.cases:
        assert not set(case.query.items) & set(case.wanted)
        assert len(case.query.items) + len(case.wanted) == 20
    # Nobody's last item is taken away.
    assert not trial(tmp_path, "interactions", "u1 a\nu2 b\n", validation=True).cases


@pytest.mark.parametrize("test", [None, "u1 a b c d\nu2 x y\n"])
def test_of_sequences_the_last_is_the_test(tmp_path: Path, test: str | None) -> None:
    lines = "u1 a b c d\nu2 x y\n"
    found = trial(tmp_path, "sequences", lines, test)
    assert rows(found) == [["a", "b"], ["x", "y"]]
    assert cases(found) == [(["a", "b", "c"], ["d"])]
    assert found.cases[0].query.ages.tolist() == [2, 1, 0]
    chosen = trial(tmp_path, "sequences", lines, test, validation=True)
    assert rows(chosen) == rows(found)
    assert cases(chosen) == [(["a", "b"], ["c"])]


def test_a_test_file_of_sequences_tells_what_came_next(tmp_path: Path) -> None:
    found = trial(tmp_path, "sequences", "u1 a b\nu2 c\n", "u1 d e\n")
    assert rows(found) == [["a", "b"], ["c"]]
    assert cases(found) == [(["a", "b"], ["d"])]


def test_sessions(tmp_path: Path) -> None:
    found = trial(tmp_path, "sessions", "a b c\nb\n", "a b\tc\nz\ta\n")
    assert rows(found) == [["a", "b", "c"], ["b"]]
    assert cases(found) == [(["a", "b"], ["c"]), (["z"], ["a"])]
    assert not found.exclude
    assert found.cases[0].query.session == 2
    chosen = trial(tmp_path, "sessions", "a b c\nb\nd e f\n", validation=True)
    assert rows(chosen) == [["a", "b", "c"], ["b"]]
    assert cases(chosen) == [(["d"], ["e"]), (["d", "e"], ["f"])]


@pytest.mark.parametrize(
    ("form", "train", "test", "said"),
    [
        ("interactions", "", "u a", "train.txt holds no line"),
        ("interactions", "u a", "\n\n", "test.txt holds no line"),
        ("interactions", "u a", None, "needs a test file"),
        ("sessions", "a b", None, "needs a test file"),
        ("sessions", "a b", "a b\tc\na b c\n", "test.txt:2: no TAB"),
        ("sessions", "a b", "a\tb c\n", "test.txt:1: no TAB with one item"),
        ("sequences", " \n", None, "train.txt holds no line"),
        ("interactions", "customer,product\nu1,a\n", "u1,b\n", "train.txt is a table"),
        ("sequences", '{"user": "u1", "item": "a"}\n', None, "train.txt is a table"),
    ],
)
def test_what_cannot_be_read_is_said(
    tmp_path: Path, form: str, train: str, test: str | None, said: str
) -> None:
    with pytest.raises(BadInput, match=said):
        trial(tmp_path, form, train, test)


def test_packed_files_are_read_and_damaged_ones_refused(tmp_path: Path) -> None:
    packed = gzip.compress(b"u1 a b\n" * 4_000)
    (tmp_path / "whole.gz").write_bytes(packed)
    (tmp_path / "cut.gz").write_bytes(packed[:-12])
    (tmp_path / "odd.txt").write_bytes(b"u1 a\nu2 \xff\xfe\n")
    form = FORMATS["sequences"]
    assert len(read_trial(form, tmp_path / "whole.gz").train.items) == 7_998
    with pytest.raises(BadInput, match=r"cut\.gz is damaged"):
        read_trial(form, tmp_path / "cut.gz")
    with pytest.raises(BadInput, match=r"odd\.txt: line 1 or one soon after it is no text"):
        read_trial(form, tmp_path / "odd.txt")


def test_options_are_read_as_their_types_and_bad_ones_named() -> None:
    found = read_options(RECOMMENDERS["cooccurrence"], {"within": "user", "shrink": "2.5"})
    assert (found.within, found.shrink) == ("user", 2.5)
    assert read_options(RECOMMENDERS["ease"], {"dropout": ".5"}).dropout == 0.5
    for name, value, said in (
        ("shrnk", "2", "no option 'shrnk'. Did you mean 'shrink'. It has: within, measure"),
        ("zzz", "2", "no option 'zzz'. It has: within"),
        ("within", "house", "'within' of 'cooccurrence' cannot be 'house'"),
        ("history", "0", "'history' of 'cooccurrence' cannot be '0'"),
        ("shrink", "nan", "'shrink' of 'cooccurrence' cannot be 'nan'"),
        ("shrink", "", "'shrink' of 'cooccurrence' cannot be ''"),
    ):
        with pytest.raises(BadInput, match=said.replace("?", ".")):
            read_options(RECOMMENDERS["cooccurrence"], {name: value})


# The command.

TRAIN = "".join(f"u{n} {'a b c' if n % 2 else 'x y z'}\n" for n in range(20))
ASKED = "left a\nright x\n"
TEST = "left b c\nright z\n"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "train.txt").write_text(TRAIN + ASKED)
    (tmp_path / "test.txt").write_text(TEST)
    return tmp_path


def evaluate(folder: Path, *arguments: str, recommender: str = "local_ease") -> Result:
    given = ["--train", str(folder / "train.txt"), "--recommender", recommender, *arguments]
    if "--format" not in arguments:
        given += ["--test", str(folder / "test.txt")]
    return CliRunner().invoke(main, ["recommend", "evaluate", *given])


def test_the_command_prints_what_was_promised(files: Path) -> None:
    told = evaluate(files, "--k", "2,10", "--json", "--param", "regularization=1")
    assert told.exit_code == 0, told.output
    found = json.loads(told.stdout)
    assert found["recall@2"] == found["hr@2"] == found["recall@10"] == 1.0
    assert found["mrr@2"] == 0.75  # Of y and z, which are alike, y comes first.
    assert found["params"]["regularization"] == 1.0
    assert (found["cases"], found["items"]) == (2, 6)
    assert 0 < found["lookup_ms_p50"] <= found["lookup_ms_p99"]
    assert found["fit_seconds"] > 0
    assert found["memory"] > 1_000_000
    assert found["memory_stated"] > 0
    assert {"ndcg@10", "precision@2", "coverage@2", "diversity@10", "popularity@2"} <= set(found)
    assert sum(part["cases"] for part in found["segments"].values()) == 2


def test_what_was_touched_is_excluded_unless_it_is_wanted(files: Path) -> None:
    (files / "test.txt").write_text("left a\n")
    assert json.loads(evaluate(files, "--json").stdout)["recall@10"] == 0.0
    # A linear model never names what alone it knows; popularity does.
    seen = evaluate(files, "--json", "--include-seen", recommender="popularity")
    assert json.loads(seen.stdout)["recall@10"] == 1.0


def test_segments_of_a_file(files: Path) -> None:
    (files / "segments.txt").write_text("left new visitors\n")
    told = evaluate(files, "--segments", str(files / "segments.txt"), "--json")
    found = json.loads(told.stdout)["segments"]
    assert {name: part["cases"] for name, part in found.items()} == {
        "new visitors": 1.0,
        "no segment": 1.0,
    }


def test_tags_tell_what_items_are(files: Path) -> None:
    (files / "sequences.txt").write_text("ann tent stove map\nbob tent stove knife\n")
    (files / "tags.json").write_text('{"tent": [1, "camp"], "stove": [2], "map": [1, "camp"]}')
    asked = ["--format", "sequences", "--train", str(files / "sequences.txt"), "--k", "1", "--json"]
    asked += ["--param", "backward=0"]
    blind = json.loads(evaluate(files, *asked, recommender="sequence_knn").stdout)
    told = evaluate(files, *asked, "--tags", str(files / "tags.json"), recommender="sequence_knn")
    # Only who knows that maps are like tents finds the map behind tent and stove.
    assert blind["hr@1"] == 0.0
    assert json.loads(told.stdout)["hr@1"] == 0.5
    (files / "tags.json").write_text("tent camp")
    tags = str(files / "tags.json")
    refused = evaluate(files, *asked, "--tags", tags, recommender="sequence_knn")
    assert refused.exit_code == 2
    assert "does not say which tags items have" in refused.stderr


def test_people_get_a_table(files: Path) -> None:
    told = evaluate(files)
    assert told.exit_code == 0, told.output
    assert "recall" in told.stdout
    assert "first 20" in told.stdout
    assert "history 1" in told.stdout


def test_sequences_need_one_file_only(files: Path) -> None:
    told = evaluate(files, "--format", "sequences", "--json", recommender="cooccurrence")
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout)["cases"] == 20


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--param", "regularisation=1"], 2, "Did you mean 'regularization'?"),
        (["--param", "regularization"], 2, "Say --param name=value"),
        (["--param", "neighbours=many"], 2, "cannot be 'many'"),
        (["--k", "0"], 2, "--k cannot be '0'"),
        (["--k", "ten"], 2, "--k cannot be 'ten'"),
        (["--format", "sequenzes"], 4, "Did you mean 'sequences'?"),
        (["--segments", "nowhere.txt"], 4, "no file nowhere.txt"),
        (["--tags", "nowhere.json"], 4, "no file nowhere.json"),
    ],
)
def test_one_clear_line_on_what_is_wrong(
    files: Path, arguments: list[str], code: int, said: str
) -> None:
    told = evaluate(files, *arguments)
    assert told.exit_code == code
    assert told.stderr.startswith("Error: ")
    assert said in told.stderr
    assert told.stderr.count("\n") == 1


def test_an_unknown_recommender_and_a_missing_file_are_said(files: Path) -> None:
    told = evaluate(files, recommender="local_eese")
    assert (told.exit_code, "Did you mean 'local_ease'?" in told.stderr) == (4, True)
    (files / "train.txt").unlink()
    told = evaluate(files)
    assert (told.exit_code, "There is no file" in told.stderr) == (4, True)


@pytest.mark.parametrize("form", ["interactions", "sequences", "sessions"])
def test_every_format_has_every_figure(files: Path, form: str) -> None:
    (files / "lines.txt").write_text(
        "".join(f"u{n} a{n % 3} b{n % 2} c d{n % 5}\n" for n in range(9))
    )
    (files / "next.txt").write_text("a0 b1\tc\nnobody\td1\n")
    test = {"interactions": "test.txt", "sequences": "lines.txt", "sessions": "next.txt"}[form]
    given = ["--train", str(files / "lines.txt"), "--test", str(files / test), "--format", form]
    told = CliRunner().invoke(
        main, ["recommend", "evaluate", *given, "--recommender", "popularity", "--k", "2", "--json"]
    )  # fmt: skip
    assert told.exit_code == 0, told.output
    found = json.loads(told.stdout)
    ranking = {f"{name}@2" for name in ("recall", "precision", "ndcg", "mrr", "hr")}
    together = {f"{name}@2" for name in ("coverage", "gini", "popularity", "diversity", "variety")}
    assert ranking | together <= set(found)
    assert found["variety@2"] is None, "nobody said what the items are"
    assert all(set(part) == {"cases", *ranking} for part in found["segments"].values())
    assert sum(part["cases"] for part in found["segments"].values()) == found["cases"] > 0


def test_odd_lines_are_judged_as_what_they_are(files: Path) -> None:
    # One line twice; users and items that only the test has; nothing for whom nothing is wanted.
    (files / "train.txt").write_text((TRAIN + ASKED) * 2)
    (files / "test.txt").write_text("left b b\nnobody z\nleft new\nright\n")
    found = json.loads(evaluate(files, "--json", "--k", "1,1000").stdout)
    assert (found["cases"], found["items"]) == (2, 7)
    # Of left's b and new one can be found; of whom nobody knows a linear model says nothing.
    assert found["recall@1000"] == pytest.approx((1 / 2 + 0) / 2)
    assert {name: part["cases"] for name, part in found["segments"].items()} == {
        "history 0": 1.0,
        "history 1": 1.0,
    }


def test_nothing_to_learn_from_is_refused(files: Path) -> None:
    (files / "train.txt").write_text("left\nright\n")
    told = evaluate(files)
    assert (told.exit_code, "nothing to learn from" in told.stderr) == (2, True)


def test_a_test_that_asks_nothing_is_refused(files: Path) -> None:
    (files / "test.txt").write_text("left\nright\n")
    told = evaluate(files)
    assert (told.exit_code, "nothing to ask" in told.stderr) == (2, True)

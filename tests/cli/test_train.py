"""`llm-audit train`, then calibrate, detect and bench with what it made: on the tiny model, as a user would."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from llm_audit.cli.train import FEATURES, KINDS, LOSSES
from llm_audit.detectors.origin.classifier import load_head
from llm_audit.training import heads, losses
from tests.cli.conftest import write_texts
from tests.cli.tool import HUMAN, Tool, sentence


def labelled(path: Path, n: int = 70, seed: int = 0) -> Path:
    """Human texts are drawn from all words of an essay, machine texts from its first thirty."""
    words, rng = Path(HUMAN).read_text().split(), np.random.default_rng(seed)
    rows = [
        {"text": " ".join(rng.choice(pool, 90)), "label": label, "pair": f"{seed}-{i}", "domain": str(i % 2), "level": "B1"}
        for i in range(n)
        for label, pool in (("human", words), ("machine", words[:30]))
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_the_choices_are_those_of_the_training() -> None:
    """Listed in the command so that `--help` needs no torch."""
    assert set(LOSSES) == set(losses.LOSSES)
    assert KINDS == heads.KINDS


def test_train_calibrate_detect_bench(
    tool: Tool, tiny: tuple[str, ...], tiny_rival: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLM_AUDIT_DATA", str(tmp_path / "data"))
    model = tiny[:2]
    trained = tool("train", labelled(tmp_path / "train.jsonl"), "--name", "mine", *model)
    assert (trained.code, trained.err) == (0, "")
    assert "auroc" in trained.out
    assert "tpr at" not in trained.out  # too few texts to say
    head = load_head(tmp_path / "data" / "classifiers" / "mine.safetensors")
    assert head.digest in trained.out
    assert set(head.card.data) == {"train.jsonl", "texts"}

    human = write_texts(tmp_path / "human.jsonl", 110, words=90)
    built = tool("calibrate", human, "--name", "school", "--classifier", "mine", *model)
    assert (built.code, built.err) == (0, "")

    options = ("--population", "school", "--classifier", "mine", *model)
    found = tool("detect", HUMAN, "--format", "json", *options)
    document = json.loads(found.out)["subjects"][0]
    results = {result["rule"]: result for result in document["results"]}
    shares = sum(share["value"] for share in results["AUD110"]["shares"])
    assert shares == pytest.approx(results["AUD110"]["statistic"]["value"], rel=1e-4)
    assert head.digest[:12] in results["AUD110"]["method"]
    assert document["combined"]["method"].endswith("Shares: AUD101 0.05, AUD102 0.05, AUD103 0.05, AUD104 0.05, AUD110 0.8.")

    judged = tool("bench", labelled(tmp_path / "test.jsonl", 30, 5), "--group", "level", "-o", tmp_path / "b.json", *options)
    assert (judged.code, judged.err) == (0, "")
    (report,) = json.loads((tmp_path / "b.json").read_text())["subjects"]
    (row,) = [row for row in report["power"] if (row["by"], row["detector"]) == ("all", "classifier")]
    assert row["auroc"]["value"] > 0.95
    assert {row["group"] for row in report["false_alarms"] if row["by"] == "level"} == {"B1"}

    again = tool("bench", tmp_path / "train.jsonl", *options)
    assert again.code == 2
    assert "140 texts trained the classifier" in sentence(again)

    foreign = tool("calibrate", human, "--name", "other", "--classifier", "mine", "--model", tiny_rival)
    assert "was trained on scores of the model with digest" in sentence(foreign)

    other = tool("bench", tmp_path / "test.jsonl", "--population", "school", "--detector", "classifier", *model)
    assert "was trained on scores of the model with digest" in sentence(other)


def test_another_head_than_the_populations_is_refused(
    tool: Tool, tiny: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLM_AUDIT_DATA", str(tmp_path / "data"))
    data, model = labelled(tmp_path / "train.jsonl"), tiny[:2]
    for name, seed in (("one", 0), ("two", 1)):
        assert tool("train", data, "--name", name, "--seed", seed, *model).code == 0
    human = write_texts(tmp_path / "human.jsonl", 40, words=90)
    assert tool("calibrate", human, "--name", "school", "--classifier", "one", *model).code == 0
    options = ("--population", "school", "--classifier", "two", *model)
    assert "scores of another classifier" in sentence(tool("bench", data, *options))
    assert "scores of another classifier" in sentence(tool("detect", HUMAN, *options))


@pytest.mark.parametrize("loss", ["tpauc-kl", "aucm"])
@pytest.mark.parametrize("kind", ["mlp", "attention"])
def test_every_kind_and_part_of_the_features(
    tool: Tool, tiny: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, loss: str
) -> None:
    monkeypatch.setenv("LLM_AUDIT_DATA", str(tmp_path / "data"))
    data = labelled(tmp_path / "train.jsonl")
    for features in FEATURES:
        options = ("--head", kind, "--loss", loss, "--features", features, "--epochs", 2, *tiny[:2])
        assert tool("train", data, "--name", "mine", *options).code == 0


def test_machine_texts_make_no_population(tool: Tool, tiny: tuple[str, ...], tmp_path: Path) -> None:
    refused = tool("calibrate", labelled(tmp_path / "a.jsonl"), "--name", "mixed", *tiny[:2])
    assert "is labelled 'machine'; a population is made of human texts only" in sentence(refused)


def test_training_twice_gives_the_same_digest(
    tool: Tool, tiny: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLM_AUDIT_DATA", str(tmp_path / "data"))
    data = labelled(tmp_path / "train.jsonl")
    outputs = {tool("train", data, "--name", "mine", *tiny[:2]).out for _ in range(2)}
    assert len(outputs) == 1


@pytest.mark.parametrize(
    ("rows", "options", "complaint"),
    [
        (49, (), "only 49 texts labelled 'human'"),
        (60, ("--label-field", "verdict"), "--label-field"),
        (60, ("--text-field", "essay"), "--text-field"),
        (60, ("--name", "No Name"), "is not a classifier name"),
    ],
)
def test_bad_input(
    tool: Tool, tiny: tuple[str, ...], tmp_path: Path, rows: int, options: tuple[object, ...], complaint: str
) -> None:
    data = labelled(tmp_path / "train.jsonl", rows)
    outcome = tool("train", data, "--name", "mine", *options, *tiny[:2])
    assert outcome.code == 2
    assert complaint in sentence(outcome)


def test_unknown_loss(tool: Tool, tmp_path: Path) -> None:
    outcome = tool("train", labelled(tmp_path / "train.jsonl", 1), "--name", "mine", "--loss", "hinge")
    assert outcome.code == 2
    assert "'hinge' is not one of 'bce'" in outcome.err

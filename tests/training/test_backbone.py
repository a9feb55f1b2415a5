from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, processors
from transformers import BertConfig, BertForMaskedLM, T5Config, T5Model

from fixtures.tiny_models import write_tokenizer
from llm_audit.errors import AuditError
from llm_audit.scoring.model_safety import model_files
from llm_audit.scoring.store import file_digest, model_digest, silent
from llm_audit.stats.classification import auroc
from llm_audit.training.backbone import Backbone, Reader, load, pad, save, score, train_backbone
from llm_audit.training.fit import Fitted, Schedule
from llm_audit.training.labelled import Labelled

HUMAN, MACHINE = (
    "ferry dawn quay wood twice plank nobody paid the and",
    "committees measure never asked owners moved left who the and",
)
SCHEDULE = Schedule(epochs=3, batch_size=16, learning_rate=3e-3)
CARD = {"loss": "bce", "schedule": {"epochs": 3}, "data_digest": "0" * 64, "metrics": {"auroc": 0.99}}


def texts(n: int, seed: int) -> list[Labelled]:
    """Half of each class; a fifth of the words come from the other class."""
    rng, found = np.random.default_rng(seed), []
    for i in range(n):
        usual, other = (HUMAN, MACHINE) if i % 2 else (MACHINE, HUMAN)
        words = [str(rng.choice((other if rng.random() < 0.2 else usual).split())) for _ in range(int(rng.integers(15, 50)))]
        found.append(Labelled(" ".join(words), "human" if i % 2 else "machine", f"{seed}:{i}"))
    return found


TRAIN, VALIDATION = texts(80, 0), texts(40, 1)
TEXTS = [text.text for text in VALIDATION]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Threads that share tensors as small as these mostly wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A two-layer BERT whose tokenizer puts <s> around every text."""
    folder = tmp_path_factory.mktemp("models") / "bert"
    folder.mkdir()
    config = BertConfig(
        vocab_size=write_tokenizer(folder, 400),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=96,
        initializer_range=0.3,
    )
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A <s>", special_tokens=[("<s>", 0)])
    tokenizer.save(str(folder / "tokenizer.json"))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        BertForMaskedLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(params=["tiny_bert", "tiny_llama", "tiny_gpt2"])
def folder(request: pytest.FixtureRequest) -> Path:
    found: Path = request.getfixturevalue(request.param)
    return found


def train(folder: Path, loss: str = "bce", **kwargs: Any) -> tuple[Backbone, Fitted]:
    return train_backbone(folder, TRAIN, VALIDATION, loss, kwargs.pop("schedule", SCHEDULE), **kwargs)


@functools.cache
def trained(folder: Path) -> Backbone:
    return train(folder)[0]


def copy(folder: Path, to: Path) -> Path:
    to.mkdir()
    for path in folder.iterdir():
        (to / path.name).write_bytes(path.read_bytes())
    return to


def test_it_learns(folder: Path) -> None:
    before = torch.get_rng_state()
    model, fitted = train(folder)
    assert fitted.best_score > 0.9
    assert auroc(score(model, [text.text for text in texts(40, 2)]), [1, 0] * 20) > 0.9
    assert torch.equal(torch.get_rng_state(), before)


def test_the_body_is_trained_and_not_only_the_head(tiny_gpt2: Path) -> None:
    untrained = Backbone(tiny_gpt2, Reader(tiny_gpt2), {})
    changed = [
        not torch.equal(new, old) for new, old in zip(trained(tiny_gpt2).parameters(), untrained.parameters(), strict=True)
    ]
    assert all(changed)


@pytest.mark.parametrize("loss", ["opauc-kl", "opauc-cvar", "tpauc-kl", "aucm"])
def test_it_learns_with_ranking_losses(loss: str, tiny_llama: Path) -> None:
    assert train(tiny_llama, loss)[1].best_score > 0.9


def test_it_is_deterministic(tiny_bert: Path) -> None:
    expected = score(trained(tiny_bert), TEXTS)
    assert np.array_equal(score(train(tiny_bert)[0], TEXTS), expected)
    other = Schedule(**vars(SCHEDULE) | {"seed": 1})
    assert not np.array_equal(score(train(tiny_bert, schedule=other)[0], TEXTS), expected)


@pytest.mark.parametrize("loss", ["bce", "tpauc-kl"])
def test_an_interrupted_run_ends_where_an_uninterrupted_one_does(loss: str, tiny_bert: Path, tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint.safetensors"

    def stop(epoch: int, score: float) -> None:
        if epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(tiny_bert, loss, checkpoint=checkpoint, progress=stop)
    resumed, fitted = train(tiny_bert, loss, checkpoint=checkpoint)
    whole, expected = train(tiny_bert, loss)
    assert fitted == expected
    assert np.array_equal(score(resumed, TEXTS), score(whole, TEXTS))


def test_a_text_scores_the_same_in_any_company(folder: Path) -> None:
    model = trained(folder)
    alone = np.concatenate([score(model, [text]) for text in TEXTS])
    assert np.ptp(alone) > 1
    np.testing.assert_allclose(score(model, TEXTS, batch_size=7), alone, atol=1e-5)
    np.testing.assert_allclose(score(model, TEXTS[::-1], batch_size=40), alone[::-1], atol=1e-5)


def test_what_stands_in_the_padding_does_not_matter(folder: Path) -> None:
    model = trained(folder)
    ids, mask = pad(model.reader.encode(["the plank", "the plank was cut twice before dawn and nobody paid for it"]))
    with torch.no_grad():
        expected, found = model(ids, mask), model(ids.masked_fill(~mask, 300), mask)
    assert (~mask).any()
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_a_long_text_is_read_to_the_limit_and_an_empty_one_has_a_score(folder: Path) -> None:
    model = trained(folder)
    limit = {"bert": 96, "llama": 512, "gpt2": 512}[folder.name]
    text = " ".join(TEXTS)
    assert len(model.reader.encode([text])[0]) == limit
    assert score(model, [text]) == score(model, [text + " and then some more"])
    assert np.isfinite(score(model, ["", text])).all()
    assert score(model, []).shape == (0,)


def test_crops_are_pieces_of_the_text_of_50_to_300_tokens(tiny_llama: Path) -> None:
    reader, generator = Reader(tiny_llama), np.random.default_rng(0)
    text, short = " ".join(TEXTS[:10]), "the plank was cut"
    whole, lengths, starts = reader.tokenizer.encode(text).ids, [], set()
    for _ in range(2000):
        crop, same = reader.encode([text, short], generator)
        assert same == reader.encode([short])[0]
        place = next(i for i in range(len(whole)) if whole[i : i + len(crop)] == crop)
        lengths.append(len(crop))
        starts.add(place)
    assert (min(lengths), max(lengths)) == (50, 300)
    assert min(starts) == 0
    assert len(starts) > 100
    assert np.mean(lengths) == pytest.approx(175, abs=10)


def test_crops_keep_the_tokens_around_a_text(tiny_bert: Path) -> None:
    for crop in Reader(tiny_bert).encode([" ".join(TEXTS)] * 50, np.random.default_rng(0)):
        assert crop[0] == crop[-1] == 0
        assert 0 not in crop[1:-1]
        assert 52 <= len(crop) <= 96


def test_control_tokens_in_a_text_are_plain_text(tiny_bert: Path) -> None:
    (ids,) = Reader(tiny_bert).encode(["<s> the plank <s>"])
    assert ids.count(0) == 2


def test_save_and_load_give_the_same_scores(folder: Path, tmp_path: Path) -> None:
    model, path = trained(folder), tmp_path / "saved"
    save(model, path, CARD)
    before = torch.get_rng_state()
    restored = load(path)
    assert torch.equal(torch.get_rng_state(), before)
    assert not restored.training
    assert np.array_equal(score(restored, TEXTS), score(model, TEXTS))
    card = json.loads((path / "card.json").read_text())
    digest = model_digest({name: file_digest(folder / name, silent) for name in model_files(folder)})
    assert card["base"] == restored.base == {"name": folder.name, "digest": digest}
    assert {key: card[key] for key in CARD} == CARD
    assert sorted(card["files"]) == ["config.json", "head.safetensors", "model.safetensors", "tokenizer.json"]
    assert set(card["versions"]) == {"llm-audit", "tokenizers", "torch", "transformers"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["saved"]


def test_saving_twice_gives_the_same_bytes_and_never_overwrites(tiny_bert: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        save(trained(tiny_bert), tmp_path / name, CARD)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
    with pytest.raises(AuditError, match="exists already"):
        save(trained(tiny_bert), tmp_path / "one", CARD)


@pytest.mark.parametrize("name", ["config.json", "head.safetensors", "model.safetensors", "tokenizer.json"])
def test_a_changed_file_is_refused_by_name(name: str, tiny_bert: Path, tmp_path: Path) -> None:
    save(trained(tiny_bert), path := tmp_path / "saved", CARD)
    content = bytearray((path / name).read_bytes())
    if name.endswith(".json"):
        content += b"\n"
    else:
        content[-1] ^= 1
    (path / name).write_bytes(content)
    with pytest.raises(AuditError, match=rf"saved/{name} is missing or not the file that card\.json records"):
        load(path)


def test_missing_and_additional_files_are_refused_by_name(tiny_bert: Path, tmp_path: Path) -> None:
    save(trained(tiny_bert), path := tmp_path / "saved", CARD)
    (path / "more.safetensors").write_bytes((path / "head.safetensors").read_bytes())
    with pytest.raises(AuditError, match=r"more\.safetensors is missing or not"):
        load(path)
    (path / "more.safetensors").unlink()
    (path / "head.safetensors").unlink()
    with pytest.raises(AuditError, match=r"head\.safetensors is missing"):
        load(path)


@pytest.mark.parametrize("content", ["[]", "{}", '{"base": {}, "files": []}', "not JSON"])
def test_a_broken_card_is_refused(content: str, tiny_bert: Path, tmp_path: Path) -> None:
    save(trained(tiny_bert), path := tmp_path / "saved", CARD)
    (path / "card.json").write_text(content)
    with pytest.raises(AuditError, match=r"card\.json is not"):
        load(path)


def test_folders_that_cannot_be_trained_are_refused(tiny_bert: Path, tmp_path: Path) -> None:
    for i, (name, content, sentence) in enumerate(
        [
            ("model.safetensors", None, r"holds no safetensors weights"),
            ("tokenizer.json", None, r"tokenizer\.json is missing"),
            ("tokenizer.json", "{}", r"tokenizer\.json is not a tokenizer"),
            ("config.json", None, r"config\.json is missing"),
            ("config.json", '{"model_type": "no such"}', r"transformers cannot load"),
            ("config.json", '{"model_type": "bert", "auto_map": {}}', r"auto_map"),
        ]
    ):
        broken = copy(tiny_bert, tmp_path / str(i))
        (broken / name).unlink()
        if content is not None:
            (broken / name).write_text(content)
        with pytest.raises(AuditError, match=sentence):
            train(broken)


def test_weights_with_a_gap_are_refused(tiny_bert: Path, tmp_path: Path) -> None:
    broken = copy(tiny_bert, tmp_path / "broken")
    config = json.loads((broken / "config.json").read_text())
    (broken / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 3}))
    with pytest.raises(AuditError, match=r"lack encoder\.layer\.2\."):
        train(broken)


def test_an_encoder_decoder_is_refused(tmp_path: Path) -> None:
    size = write_tokenizer(tmp_path, 400)
    T5Model(T5Config(vocab_size=size, d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2)).save_pretrained(tmp_path)
    with pytest.raises(AuditError, match="encoder-decoder"):
        train(tmp_path)


def test_accumulation_is_for_cross_entropy_only(tiny_bert: Path) -> None:
    schedule = Schedule(epochs=1, batch_size=8, accumulate=2)
    with pytest.raises(AuditError, match="with bce only"):
        train(tiny_bert, "tpauc-kl", schedule=schedule)
    assert len(train(tiny_bert, schedule=schedule)[1].scores) == 1


def test_data_that_cannot_be_learnt_from_is_refused(tiny_bert: Path) -> None:
    humans = [text for text in TRAIN if text.label == "human"]
    with pytest.raises(AuditError, match="no texts labelled 'machine'"):
        train_backbone(tiny_bert, TRAIN, humans, "bce", SCHEDULE)
    with pytest.raises(ValueError, match="machine-revised"):
        train_backbone(tiny_bert, [*TRAIN, Labelled("text", "machine-revised", "p")], VALIDATION, "bce", SCHEDULE)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_missing_gpu_is_a_sentence(tiny_bert: Path) -> None:
    with pytest.raises(AuditError, match="no CUDA device"):
        train(tiny_bert, device="cuda")

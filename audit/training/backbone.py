"""Full fine-tuning of a Hugging Face encoder or causal model with one logit on top: train, score, save, load again.

The logit is linear in the mean last hidden state of all tokens that are not padding, for encoders and causal models alike;
padding is masked out, so its id does not matter. A text is read up to 512 tokens. Weights are float32, since bfloat16 rounds
the small steps of fine-tuning away; a GPU computes in bfloat16 (autocast). Knows nothing about where texts come from.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor, nn

from llm_audit.errors import AuditError
from llm_audit.scoring.model_safety import MAX_CONFIG_BYTES, check_folder, model_files, read_json
from llm_audit.scoring.store import file_digest, model_digest, silent
from llm_audit.stats.classification import auroc
from llm_audit.training.fit import Fitted, Schedule, fit
from llm_audit.training.labelled import Labelled, check_trainable
from llm_audit.training.losses import LOSSES

MAX_TOKENS = 512
CROP = (50, 300)  # fewest and most tokens in training: later a text may be of any length and begin anywhere
CARD, HEAD = "card.json", "head.safetensors"


class Reader:
    """Texts to token ids, as the tokenizer of a model's folder makes them; AuditError if the folder is not safe to load."""

    def __init__(self, folder: Path) -> None:
        config = check_folder(folder)
        try:
            self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as error:  # the library raises nothing narrower
            raise AuditError(f"{folder / 'tokenizer.json'} is not a tokenizer ({error}); fetch the model again.") from error
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        self.tokenizer.encode_special_tokens = True  # "[SEP]" typed in an essay is five characters, not a control token
        positions = config.get("max_position_embeddings") or config.get("n_positions") or MAX_TOKENS
        self.limit = min(MAX_TOKENS, positions) - self.tokenizer.num_special_tokens_to_add(False)

    def encode(self, texts: Sequence[str], generator: np.random.Generator | None = None) -> list[list[int]]:
        """The beginning of each text, or with a generator a random crop; with the tokens that the tokenizer puts around."""
        encodings = self.tokenizer.encode_batch(list(texts), add_special_tokens=False)
        for encoding in encodings:
            start, length = 0, self.limit
            if generator is not None:
                length = min(int(generator.integers(CROP[0], CROP[1] + 1)), self.limit, len(encoding))
                start = int(generator.integers(len(encoding) - length + 1))
            encoding.truncate(start + length)
            encoding.truncate(length, direction="left")
        return [self.tokenizer.post_process(encoding).ids or [0] for encoding in encodings]  # a mean over no tokens is NaN


class Backbone(nn.Module):
    """The body in `folder` and a new head; the folder's `reader` has found it safe. `base`: name and digest of the origin."""

    def __init__(self, folder: Path, reader: Reader, base: dict[str, str]) -> None:
        super().__init__()
        self.reader, self.base, self.body = reader, base, _body(folder)
        self.head = nn.Linear(self.body.config.hidden_size, 1)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Logits (batch,), float32, of token ids (batch, length); the mask is true where there is a token."""
        ids, mask = ids.to(self.head.weight.device), mask.to(self.head.weight.device)
        with torch.autocast(ids.device.type, torch.bfloat16, enabled=ids.is_cuda):
            states = self.body(input_ids=ids, attention_mask=mask.long()).last_hidden_state
        pooled = states.float().masked_fill(~mask[..., None], 0).sum(1) / mask.sum(1, keepdim=True)
        return self.head(pooled)[:, 0]  # type: ignore[no-any-return]  # a Tensor


def pad(rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Token ids (batch, longest), zeros on the right, and the mask: true where there is a token."""
    mask = torch.arange(max(map(len, rows))) < torch.tensor([len(row) for row in rows])[:, None]
    ids = torch.zeros(mask.shape, dtype=torch.int64)
    ids[mask] = torch.tensor([token for row in rows for token in row])
    return ids, mask


def train_backbone(
    folder: Path,
    texts: Sequence[Labelled],
    validation: Sequence[Labelled],
    loss_name: str,
    schedule: Schedule,
    device: str = "cpu",
    checkpoint: Path | None = None,
    progress: Callable[[int, float], None] = lambda epochs, score: None,
    identity: str = "",
) -> tuple[Backbone, Fitted]:
    """Fine-tune the model in `folder` on random crops; the validation score is the AUROC on whole texts.

    Texts are labelled human or machine, no group in both parts; `loss_name` is a key of `LOSSES`; for the rest see `fit`.
    """
    if schedule.accumulate > 1 and loss_name != "bce":
        raise AuditError(f"The loss {loss_name} compares all texts of a batch, so gradients can be accumulated with bce only.")
    for part in (texts, validation):
        check_trainable(part, least=1)
    if other := {text.label for text in (*texts, *validation)} - {"human", "machine"}:
        raise ValueError(f"no class for the label {min(other)}")
    reader, target = Reader(folder), _device(device)
    base = {"name": folder.resolve().name, "digest": model_digest(_digests(folder))}
    labels, truth = (np.array([text.is_machine for text in part], dtype=np.int64) for part in (texts, validation))

    def inputs(index: NDArray[np.int64], generator: np.random.Generator) -> tuple[Tensor, Tensor]:
        return pad(reader.encode([texts[i].text for i in index], generator))

    def validate(model: nn.Module) -> float:
        return auroc(score(cast(Backbone, model), [text.text for text in validation], schedule.batch_size), truth)

    loss = LOSSES[loss_name](len(texts)).to(target)
    model, fitted = fit(
        lambda: Backbone(folder, reader, base).to(target),
        inputs,
        labels,
        loss,
        validate,
        schedule,
        checkpoint,
        progress,
        f"{identity} {base['digest']}",
    )
    return cast(Backbone, model), fitted


def score(model: Backbone, texts: Sequence[str], batch_size: int = 32) -> NDArray[np.float32]:
    """Logits (n,) of the texts' beginnings; higher means machine. What shares a batch with a text changes only rounding."""
    model.eval()
    rows = model.reader.encode(texts)
    order = np.argsort([len(row) for row in rows], kind="stable")  # texts of one length share a batch: little padding
    logits = np.empty(len(rows), dtype=np.float32)
    with torch.no_grad():
        for start in range(0, len(rows), batch_size):
            chosen = order[start : start + batch_size]
            logits[chosen] = model(*pad([rows[i] for i in chosen])).cpu().numpy()
    return logits


def save(model: Backbone, path: Path, card: dict[str, Any]) -> None:
    """Write body, head, tokenizer and `card.json` to a new folder, which gets its name when it is complete.

    To the caller's card (loss, schedule, data digest, metrics) are added `base`, `digest` and `files`, and `versions`.
    """
    if path.exists():
        raise AuditError(f"{path} exists already; choose another folder or remove it.")
    partial = path.with_name(path.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    model.body.save_pretrained(partial)
    save_file({key: value.detach().cpu() for key, value in model.head.state_dict().items()}, partial / HEAD)
    model.reader.tokenizer.save(str(partial / "tokenizer.json"))
    files = _digests(partial)
    versions = {name: version(name) for name in ("llm-audit", "tokenizers", "torch", "transformers")}
    facts = {"base": model.base} | card | {"digest": model_digest(files), "files": files, "versions": versions}
    (partial / CARD).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    partial.replace(path)


def load(path: Path, device: str = "cpu") -> Backbone:
    """What `save` wrote, in evaluation mode; AuditError if it is unsafe, or a file is not the one that the card records."""
    reader, card = Reader(path), read_json(path / CARD, MAX_CONFIG_BYTES)
    if not isinstance(card, dict) or not isinstance(card.get("files"), dict) or not isinstance(card.get("base"), dict):
        raise AuditError(f"{path / CARD} is not the card of a fine-tuned model; fetch the model again.")
    found = _digests(path)
    for name in sorted({HEAD, *found, *card["files"]}):
        if name not in found or found[name] != card["files"].get(name):
            raise AuditError(f"{path / name} is missing or not the file that {CARD} records: fetch the model again.")
    with torch.random.fork_rng(devices=[]):  # a new head draws its weights before it gets the stored ones
        model = Backbone(path, reader, card["base"])
    model.head.load_state_dict(load_file(path / HEAD))
    return model.to(_device(device)).eval()


def _body(folder: Path) -> Any:
    from transformers import AutoModel

    options: Any = {"local_files_only": True, "use_safetensors": True, "trust_remote_code": False, "output_loading_info": True}
    try:
        body, report = AutoModel.from_pretrained(folder, dtype=torch.float32, **options)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise AuditError(f"transformers cannot load {folder} ({reason}); choose an encoder or a causal model.") from error
    if body.config.is_encoder_decoder:
        raise AuditError(f"{folder} is an encoder-decoder model; choose an encoder or a causal model.")
    # transformers fills gaps with random numbers. The pooler may be one: nothing here uses it.
    if missing := sorted(key for key in report["missing_keys"] if not key.startswith("pooler.")):
        raise AuditError(f"The weights in {folder} lack {missing[0]}, which its config.json asks for: fetch the model again.")
    body.config.use_cache = False
    return body


def _digests(folder: Path) -> dict[str, str]:
    return {name: file_digest(folder / name, silent) for name in model_files(folder)}


def _device(name: str) -> torch.device:
    if name == "cuda" and not torch.cuda.is_available():
        raise AuditError("There is no CUDA device here; leave out --device cuda.")
    return torch.device(name)

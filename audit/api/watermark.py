"""Watermarks: test texts under keys, make keys, and probe endpoints."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llm_audit.api.arguments import Count, checked
from llm_audit.api.documents import Texts, sources_of, texts_of
from llm_audit.api.endpoint_setup import EndpointSetup, Surface
from llm_audit.api.keys import as_configuration_errors, read_keys
from llm_audit.api.report import Report
from llm_audit.api.running import AnySetup, StrPath, check_alpha, finished, listed, plain_setup, prompt_in
from llm_audit.common.errors import AuditError, InvalidConfiguration, InvalidInput, NotAvailable, local_packages
from llm_audit.common.progress import Progress, silent
from llm_audit.common.terminal import terminal_safe
from llm_audit.results import Document
from llm_audit.setup import Setup

if TYPE_CHECKING:
    from llm_audit.detectors.watermark.readings import Reader
    from llm_audit.detectors.watermark.run import Settings, Subject
    from llm_audit.results.watermark_evidence import Compared

__all__ = ["new_watermark_key", "probe_watermark", "watermark", "watermark_schemes", "watermark_table"]


@checked
def watermark(
    texts: Texts = (),
    keys: StrPath | Iterable[StrPath] = (),
    *,
    scheme: str | None = None,
    token_ids: StrPath | Iterable[StrPath] = (),
    tokenizers: StrPath | Iterable[StrPath] = (),
    prompt: StrPath | None = None,
    windows: bool = False,
    anytime: bool = False,
    calibrate: StrPath | None = None,
    alpha: float = 0.01,
    setup: AnySetup = None,
    text_field: str = "text",
    keep_text: bool = True,
    progress: Progress = silent,
    on_document: Callable[[Document], None] = lambda document: None,
) -> Report:
    """Does this text carry a watermark? Test each text under each key, with exact p-values.

    Args:
        texts: as for `detect`; Markdown keeps its signs, which the model wrote too.
        keys: key files, from `new_watermark_key`. Each key is one more test of each text, and that is counted.
        scheme: name of the scheme that every key has to be of, see `watermark_schemes`; None: each file says its own.
        token_ids: files of token ids from the generation, which are surer than the text: a JSON list; or JSON lines with
            `token_ids` in each, as `generate` writes them; a `scheme` in a line has to be that of a key.
        tokenizers: folders, hub ids or files `tokenizer.json`; none: that of `setup.model`. Several are several tests.
        prompt: file with what stood before every text, for schemes that hash its last tokens.
        windows: test parts of the texts, too, and say which carry the mark.
        anytime: the texts may grow; the result is valid whenever one stops.
        calibrate: a folder or file of unmarked texts of the user's own; prints a conformal p-value beside.
        alpha: report a finding when the p-value of a text is at most this.
        setup: whose model's tokenizer reads the texts.
        text_field: as for `detect`.
        keep_text: as for `detect`.
        progress: as for `detect`.
        on_document: as for `detect`.

    Raises:
        InvalidConfiguration: a key file that cannot be used, a key or a line of token ids of another scheme, a tokenizer that
            does not fit the key, no key or no text.
        NotAvailable: a tokenizer is not here.

    >>> named = llm_audit.Setup(model="./my-model")
    >>> key_id = llm_audit.new_watermark_key("our-key.json", "vllm-gumbel", setup=named)
    >>> author = "./my-model@temperature=1,template=none"
    >>> texts = llm_audit.generate(author, "marked.jsonl", count=1, max_tokens=200, watermark="our-key.json")
    >>> report = llm_audit.watermark(keys="our-key.json", token_ids="marked.jsonl")
    >>> report.documents[0].verdict.value, report.documents[0].p_value < 1e-6
    ('finding', True)
    """
    from llm_audit.detectors import judging
    from llm_audit.detectors.integrity.base import find_rules
    from llm_audit.detectors.registry import shipped
    from llm_audit.detectors.watermark import run
    from llm_audit.setup.manifest import collect, now
    from llm_audit.text.documents import read_texts

    check_alpha(alpha)
    started, texts = now(), texts_of(texts)
    chosen = read_keys(listed(keys), scheme)
    files, tokenizers = listed(token_ids), listed(tokenizers)
    if not texts and not files:
        raise InvalidConfiguration("There is nothing to test: name texts, or files of token ids.")
    needs = bool(texts) or prompt is not None or calibrate is not None or bool(tokenizers)
    readers = readers_of(tokenizers, plain_setup(setup), prompt, progress) if needs else ()
    settings = run.Settings(alpha, chosen, readers, windows, anytime, keep_text=keep_text)
    settings.check()
    if calibrate is not None:
        read = read_texts(sources_of([calibrate]), text_field, strip_markdown=False)
        unmarked = [run.read(entry, settings) for entry in read if not isinstance(entry, Document)]
        given: dict[Compared, bool] = {"best": bool(texts), "first": bool(files)}
        ranked = {way: run.references(unmarked, settings, way) for way, there in given.items() if there}
        settings = replace(settings, calibration=ranked)
    entries: list[Any] = list(read_texts(sources_of(texts), text_field, strip_markdown=False)) if texts else []
    for path in files:
        entries += _subjects(Path(path), settings)
    rules = sorted(rule.code for rule in shipped("watermark") if rule.measure is not None)
    manifest = collect(None, alpha=alpha, rules=rules)
    report = judging.find_watermarks(entries, settings, find_rules(), manifest, progress, on_document)
    # Key files are not among the inputs: a digest of a file that holds little but a weak key would confirm a guess of it.
    named = [text for text in texts if isinstance(text, (str, Path))]
    return finished(report, started, [*named, *files, prompt, *tokenizers])


@checked
def new_watermark_key(
    path: StrPath,
    scheme: str,
    *,
    parameters: Mapping[str, Any] | None = None,
    note: str | None = None,
    setup: AnySetup = None,
    progress: Progress = silent,
) -> str:
    """Draw a key from the system's source of randomness, and write it where only its owner can read it.

    Args:
        path: a new file, mode 0600.
        scheme: name, see `watermark_schemes`.
        parameters: public fields of the scheme, such as `context_width`.
        note: free text for the file.
        setup: whose model is to be marked: the file then names its tokenizer, and its vocabulary where the scheme needs one.
            None: neither.
        progress: called with the share of the work that is done, from 0 to 1 or None, and with the name of the stage.

    Returns:
        The id of the key, by which reports name it.

    Raises:
        InvalidConfiguration: an unknown scheme, parameters that do not fit it, or a file that exists.

    >>> key_id = llm_audit.new_watermark_key("key.json", "transformers-kgw", setup=llm_audit.Setup(model="./my-model"))
    >>> len(key_id)
    12
    """
    from llm_audit.detectors.watermark.keys import new_key, write_key
    from llm_audit.detectors.watermark.schemes import scheme_class

    values, digest = dict(parameters or {}), None
    with as_configuration_errors():
        cls = scheme_class(scheme)
    if setup is not None:
        from llm_audit.scoring.vocabulary import tokens_of

        with replace(plain_setup(setup), reference=None, cache=False).session(progress) as session:
            digest, size = tokens_of(session.model)
        if "vocab_size" in cls.model_fields:
            values.setdefault("vocab_size", size)
    with as_configuration_errors():
        key = new_key(scheme, digest, note, **values)
        write_key(Path(path), key)
    return key.id


@checked
def probe_watermark(
    endpoint: EndpointSetup,
    *,
    budget: Count = 1500,
    surface: Surface = "completions",
    alpha: float = 0.01,
    progress: Progress = silent,
    on_plan: Callable[[str], None] = lambda sentence: None,
) -> Report:
    """Does an endpoint watermark its answers? Asked without any key; see `llm_audit.detectors.watermark.probing`.

    Args:
        endpoint: what is asked. Its caps of requests and tokens hold, too.
        budget: requests, at least 200; the more, the weaker the marks that are found.
        surface: what to ask for. Over "chat" the model has to repeat a line, which small ones do not.
        alpha: of all tests together.
        progress: called with the share of the questions that are answered, and with the name of the stage.
        on_plan: called with what will be asked, as a sentence, before the first question.

    Returns:
        A report with one document, which is the endpoint.

    Raises:
        InvalidConfiguration: settings that do not go together, or a budget that decides nothing.

    >>> endpoint = llm_audit.EndpointSetup("http://localhost:8080/v1", "my-model")
    >>> report = llm_audit.probe_watermark(endpoint, budget=300)
    >>> report.question
    'Does this endpoint watermark its answers?'
    """
    from llm_audit.detectors import judging
    from llm_audit.detectors.watermark import probing
    from llm_audit.setup.manifest import collect, now

    check_alpha(alpha)
    started, plan, source = now(), probing.Plan.of(budget), endpoint.open()
    on_plan(f"{plan.requests:,} requests, answers of at most {plan.tokens(surface):,} tokens in all.")
    name = terminal_safe(endpoint.url or str(endpoint.replay))
    seed = hashlib.sha256(f"{source.model} {plan} {surface}".encode()).hexdigest()[:32]
    document = probing.probe(source, name, plan, surface, alpha, seed, progress)
    manifest = collect(None, alpha=alpha, rules=sorted({test.rule for test in document.results}))
    return endpoint.finished(judging.probed(document, manifest), started, [])


def watermark_table(key: StrPath, output: StrPath, *, device: str = "cuda") -> str:
    """Write a copy of a key of "synthid-transformers" that holds the table of bits which transformers draws on a device.

    Args:
        key: key file.
        output: a new one, mode 0600.
        device: of the model that marks.

    Returns:
        The id of the new key.

    Raises:
        NotAvailable: there is no such device here.
        InvalidConfiguration: the key is of another scheme, or the file exists.
    """
    from llm_audit.detectors.watermark.keys import write_key

    with local_packages():
        from llm_audit.detectors.watermark.device_table import with_table

    (read,) = read_keys([str(key)])
    copy = with_table(read, device)
    with as_configuration_errors():
        write_key(Path(output), copy)
    return copy.id


def watermark_schemes() -> dict[str, str]:
    """Name of every watermarking scheme that can be tested -> its title.

    >>> llm_audit.watermark_schemes()["vllm-gumbel"]
    'vLLM, Gumbel'
    """
    from llm_audit.detectors.watermark.schemes import SCHEMES

    return {name: cls.title for name, cls in SCHEMES.items()}


def readers_of(names: Sequence[str], setup: Setup, prompt: StrPath | None, progress: Progress) -> tuple[Reader, ...]:
    """Load the named tokenizers, or else that of the model in `setup`. `prompt`: file with what stood before every text."""
    from llm_audit.detectors.watermark.readings import Reader
    from llm_audit.scoring.pins import DEFAULT_MODEL
    from llm_audit.scoring.tokenizer import load_tokenizer

    before = None if prompt is None else prompt_in(prompt)
    readers = []
    for name in names or [os.fspath(setup.model or DEFAULT_MODEL)]:
        path = Path(name)
        if path.is_file():
            folder = path.parent if path.name == "tokenizer.json" else None
            if folder is None:
                raise InvalidConfiguration(f"{name} is no tokenizer: name a folder, a hub id, or a file tokenizer.json.")
        else:
            with replace(setup, model=name, reference=None, cache=False).session(progress) as session:
                folder = session.model.folder
        try:
            tokenizer = load_tokenizer(folder)
        except Exception as error:  # the library raises nothing narrower
            raise NotAvailable(f"The tokenizer {name} cannot be read: {str(error)[:100]}.") from error
        readers.append(Reader.of(terminal_safe(name), tokenizer, before))
    return tuple(readers)


def _subjects(path: Path, settings: Settings) -> Iterator[Subject | Document]:
    """The texts in a file of token ids."""
    from llm_audit.results import Verdict
    from llm_audit.text.documents import unjudged

    name = terminal_safe(str(path))
    try:
        content = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        yield unjudged(name, Verdict.ERROR, f"The token ids {name} cannot be read: {why}.")
        return
    for number, record in _records(content):
        called = f"{name}, line {number}"  # never the file itself, whose digest is not that of a text in it
        _check_scheme(called, record, settings)
        try:
            yield _subject(called, record, settings)
        except AuditError as error:
            yield unjudged(called, Verdict.ERROR, f"{called}: {str(error).rstrip('.')}.")


def _check_scheme(name: str, record: Any, settings: Settings) -> None:
    """Refuse a record whose text was marked under a scheme that no key is of. Raises InvalidConfiguration."""
    marked, schemes = record.get("scheme") if isinstance(record, dict) else None, {key.scheme.scheme for key in settings.keys}
    if isinstance(marked, str) and marked not in schemes:
        of = " or ".join(sorted(schemes))
        scheme = terminal_safe(marked[:60])
        raise InvalidConfiguration(f"{name} is of the scheme {scheme}, not {of}: give a key file of that scheme.")


def _subject(name: str, record: Any, settings: Settings) -> Subject:
    from llm_audit.detectors.watermark import run

    fields = record if isinstance(record, dict) else {"token_ids": record}
    ids, prompt, text = fields.get("token_ids"), fields.get("prompt_ids"), fields.get("text")
    if not isinstance(ids, list) or not (prompt is None or isinstance(prompt, list)):
        raise InvalidInput('it holds no token ids: give a JSON list of ids, or JSON lines with a list "token_ids" in each')
    for sequence in (ids, prompt or []):
        if not all(isinstance(token_id, int) and not isinstance(token_id, bool) for token_id in sequence):
            raise InvalidInput("token ids must be whole numbers: give the list that the generation returned")
    return run.read_ids(name, ids, settings, text if isinstance(text, str) else None, prompt)


def _records(content: str) -> Iterator[tuple[int, Any]]:
    """The JSON value that is the whole content, as of line 1, or one value per line with its number; None: it is no JSON."""
    try:
        yield 1, json.loads(content)
        return
    except (ValueError, RecursionError):
        pass
    if not content.strip():
        yield 1, None
    for number, line in enumerate(content.split("\n"), start=1):  # a text may hold other line separators, unescaped
        if line.strip():
            try:
                yield number, json.loads(line)
            except (ValueError, RecursionError):
                yield number, None

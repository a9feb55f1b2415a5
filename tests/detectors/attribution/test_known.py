"""A known prompt: what is refuted, what is attributed, how often wrongly, and what is said about it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

from llm_audit.detectors.attribution.candidate import Candidate
from llm_audit.detectors.attribution.conclude import conclude
from llm_audit.detectors.attribution.run import Settings, find_rules, judge_texts
from llm_audit.detectors.attribution.sets import human_p_value
from llm_audit.detectors.attribution.text import Author
from llm_audit.detectors.rule import Terms
from llm_audit.results import Attribution, Authorship, Verdict
from llm_audit.results.documents import Doubt
from llm_audit.scoring.generate import Sampler
from llm_audit.scoring.session import Session
from llm_audit.scoring.store import Store
from llm_audit.scoring.tokenizer import load_tokenizer
from llm_audit.scoring.tokens import Decoding
from llm_audit.text import RawText
from tests.detectors.attribution.world import N, attributions, author, draw, judged_document, laws, person, scores, text
from tests.servers.ask import PROMPTS

MODEL = Path(__file__).parents[3] / "fixtures" / "membership" / "model"

A, B = author("a"), author("b")


def judge(*args: object, alpha: float = 0.01, number: int = 0, prompt: str = "Write.") -> Attribution:
    return attributions(text(*args), prompt, alpha)[number]


def most(n: int, alpha: float) -> int:
    """More than this comes up once in 10,000 times if the rate is alpha."""
    return int(binom.isf(1e-4, n, alpha))


def near(logits: np.ndarray, rng: np.random.Generator, distance: float) -> np.ndarray:
    """Another model, not far away."""
    return logits + distance * rng.standard_normal(logits.shape)


@pytest.mark.parametrize(
    ("settings", "n"),
    [
        ("a", 100),
        *(pytest.param(name, 300, marks=pytest.mark.slow) for name in ("a", "a@top_k=8", "a@temperature=0.7|1|1.4")),
    ],
)
def test_the_true_author_is_refuted_or_robbed_of_its_text_no_more_often_than_alpha(settings: str, n: int) -> None:
    rng, alpha = np.random.default_rng(1), 0.05
    true, rival = author(settings), author("b")
    refuted = wrongly = rightly = 0
    for _ in range(n):
        ours = laws(rng)
        theirs = near(ours, rng, 0.4)
        tokens = draw(ours, rng, Decoding(top_k=8) if "top_k" in settings else Decoding())
        found = [scores(ours, tokens, true.decodings), scores(theirs, tokens)]
        whole = text([true, rival], found)
        mine, other = attributions(whole, "Write.", alpha)
        refuted += mine.p_value is not None and mine.p_value <= alpha
        wrongly += other.verdict is Authorship.WRITTEN_BY
        rightly += mine.verdict is Authorship.WRITTEN_BY
    assert refuted <= most(n, alpha)
    assert wrongly <= most(n, alpha)
    assert rightly >= 0.4 * n


def test_a_far_model_is_refuted() -> None:
    rng = np.random.default_rng(2)
    verdicts = Counter()
    for _ in range(50):
        ours, theirs = laws(rng), laws(rng)
        tokens = draw(ours, rng)
        verdicts[judge([B, A], [scores(theirs, tokens), scores(ours, tokens)]).verdict] += 1
    assert verdicts[Authorship.NOT_WRITTEN_BY] == 50


def attributed(human: float | None = 0.001, rival: str = "b", second: object = None, n: int = N) -> Attribution:
    """A's own text, before A and a far rival."""
    rng = np.random.default_rng(3)
    ours, theirs = laws(rng), laws(rng)
    tokens = draw(ours, rng)
    found = [scores(ours, tokens), second or scores(theirs, tokens)]
    cut = [{d: s[:n] for d, s in one.items()} if isinstance(one, dict) else one for one in found]
    return judge([A, author(rival)], cut, human)


def test_written_by_takes_evidence_against_every_rival_and_against_people() -> None:
    assert attributed().verdict is Authorship.WRITTEN_BY
    for changed, sentence in (
        (attributed(human=0.2), "not unlike human writing of the population (p = 0.2)"),
        (attributed(human=None), "could not be compared with human writing"),
        (attributed(second="The weights are damaged."), "its rival b could not be tested"),
    ):
        assert changed.verdict is Authorship.UNDECIDED
        assert sentence in changed.reason


DOUBTS: tuple[tuple[Doubt, str], ...] = (
    ("known_by_heart", "models know this text by heart"),
    ("repetitive", "the text repeats itself"),
)


@pytest.mark.parametrize(("doubt", "sentence"), DOUBTS)
def test_a_text_of_which_detect_says_nothing_is_not_called_unlike_human_writing(doubt: Doubt, sentence: str) -> None:
    rng = np.random.default_rng(3)
    ours, theirs = laws(rng), laws(rng)
    tokens = draw(ours, rng)
    authors = [author("a", "sanctioned"), author("b", "other")]
    whole = text(authors, [scores(ours, tokens), scores(theirs, tokens)])
    assert whole.person.combined
    certain = whole.person.model_copy(
        update={"combined": whole.person.combined.model_copy(update={"verdict": Verdict.FINDING})}
    )
    judged = judged_document(replace(whole, person=certain), "Write.", 0.01)
    assert judged.attributions[0].verdict is judged.sets[0].verdict is Authorship.WRITTEN_BY
    judged = judged_document(replace(whole, person=certain.model_copy(update={"doubt": doubt})), "Write.", 0.01)
    assert human_p_value(judged) is None
    assert judged.attributions[0].verdict is judged.sets[0].verdict is Authorship.UNDECIDED
    assert f"every rival is refuted, but {sentence}, so that its comparison with human writing says nothing" in (
        judged.attributions[0].reason
    )
    assert any(note.startswith("The comparison with human writing: Not assessable.") for note in judged.notes)
    assert conclude(judged, Terms(0.01)) == judged


def test_a_candidate_that_takes_the_likeliest_token_each_time_is_tested() -> None:
    rng = np.random.default_rng(9)
    greedy = author("a@top_k=1")
    ours, theirs = laws(rng), laws(rng)
    own, another = draw(ours, rng, Decoding(top_k=1)), draw(theirs, rng)
    mine = judge([greedy], [scores(ours, own, greedy.decodings)])
    assert mine.verdict is Authorship.UNDECIDED and mine.p_value is not None and mine.p_value > 0.01
    found = judge([greedy], [scores(ours, another, greedy.decodings)])
    assert found.verdict is Authorship.NOT_WRITTEN_BY and len(found.tests) == len(mine.tests) == 4


def test_alone_nothing_is_attributed() -> None:
    rng = np.random.default_rng(4)
    ours = laws(rng)
    found = judge([A], [scores(ours, draw(ours, rng))])
    assert found.verdict is Authorship.UNDECIDED
    assert "name its rivals" in found.reason
    assert "nothing to compare with" in {test.rule: test.reason for test in found.tests}["AUD204"]


def test_two_names_of_one_model_are_not_told_apart() -> None:
    rng = np.random.default_rng(5)
    ours = laws(rng)
    same = scores(ours, draw(ours, rng))
    found = judge([A, B], [same, same])
    assert found.verdict is Authorship.NOT_ASSESSABLE
    assert "no test can tell the two apart" in found.reason


def test_a_refutation_does_not_name_an_author() -> None:
    rng = np.random.default_rng(6)
    found = judge([A], [scores(laws(rng), draw(laws(rng), rng))])
    assert found.verdict is Authorship.NOT_WRITTEN_BY
    assert "does not say who or what wrote it" in found.reason
    assert "human" not in found.reason and "person" not in found.reason


def test_one_token_alone_does_not_refute() -> None:
    """A likely text but for one token of probability e^-40: a mismatch of tokenizers looks like this."""
    rng = np.random.default_rng(7)
    ours = laws(rng)
    ours[40, 0] = -40.0
    tokens = draw(ours, rng)
    tokens[40] = 0
    found = judge([A], [scores(ours, tokens)])
    assert found.p_value is not None and found.p_value <= 0.01
    assert found.verdict is Authorship.UNDECIDED
    assert "not without a single token" in found.reason
    e_process = next(test for test in found.tests if test.rule == "AUD202")
    assert "Without token 41 it is e^" in e_process.reason


@pytest.mark.parametrize("n", [16, 30, 80, 600])
def test_nor_does_it_in_a_short_or_a_long_text_of_the_model_itself(n: int) -> None:
    rng, wrong, alpha = np.random.default_rng(n), 0, 0.05
    for _ in range(60):
        ours = laws(rng, n)
        ours[n // 3, 0] = -25.0
        tokens = draw(ours, rng)
        tokens[n // 3] = 0
        wrong += judge([A], [scores(ours, tokens)], alpha=alpha).verdict is Authorship.NOT_WRITTEN_BY
    assert wrong <= most(60, alpha)


def test_nor_does_it_give_the_text_to_a_rival() -> None:
    """B wrote it but for one token that B would not write; A is nearly B."""
    rng = np.random.default_rng(12)
    for _ in range(60):
        ours = laws(rng)
        ours[40, 0] = -12.0
        theirs = near(ours, rng, 0.1)
        theirs[40, 0] = 0.0
        tokens = draw(ours, rng)
        tokens[40] = 0
        mine, other = attributions(text([B, A], [scores(ours, tokens), scores(theirs, tokens)]), "", 0.01)
        assert other.verdict is not Authorship.WRITTEN_BY
        assert mine.verdict is not Authorship.NOT_WRITTEN_BY


def test_a_certain_text_is_not_refuted_by_the_coin() -> None:
    rng = np.random.default_rng(13)
    for _ in range(300):
        ours = np.full((N, 30), -60.0)
        ours[np.arange(N), rng.integers(30, size=N)] = 0.0
        found = judge([A], [scores(ours, draw(ours, rng))])
        assert found.verdict is not Authorship.NOT_WRITTEN_BY


def test_every_rival_of_the_author_is_refuted_in_its_own_row() -> None:
    rng, seen = np.random.default_rng(14), 0
    for _ in range(60):
        ours = laws(rng)
        models = [ours, near(ours, rng, 0.4), near(ours, rng, 0.5), near(ours, rng, 0.6)]
        tokens = draw(ours, rng)
        each = attributions(text([author(name) for name in "abcd"], [scores(model, tokens) for model in models]), "", 0.01)
        if any(one.verdict is Authorship.WRITTEN_BY for one in each):
            seen += 1
            assert sorted(one.verdict for one in each) == ["not_written_by"] * 3 + ["written_by"]
    assert seen >= 5


def test_one_token_outside_a_truncated_setting_does_not_refute_and_many_do() -> None:
    rng = np.random.default_rng(8)
    ours, setting = laws(rng), author("a@top_k=5")
    tokens = draw(ours, rng, Decoding(top_k=5))
    tokens[10] = ours[10].argsort()[-7]
    found = judge([setting], [scores(ours, tokens, setting.decodings)])
    assert found.verdict is Authorship.UNDECIDED
    assert found.trace is not None and found.trace.surprisal[10] is None
    free = draw(ours, rng)
    refuted = judge([setting], [scores(ours, free, setting.decodings)])
    assert refuted.verdict is Authorship.NOT_WRITTEN_BY
    assert "impossible under these settings" in {test.rule: test.reason for test in refuted.tests}["AUD203"]


def test_a_short_text_says_how_long_it_would_have_to_be() -> None:
    found = attributed(n=12)
    assert found.verdict is Authorship.NOT_ASSESSABLE
    assert "The text has 12 tokens; below 16 nothing can be decided. At the observed variance of" in found.reason


def test_near_rivals_say_how_far_the_evidence_goes() -> None:
    rng = np.random.default_rng(9)
    ours = laws(rng)
    tokens = draw(ours, rng)
    found = judge([A, B], [scores(ours, tokens), scores(near(ours, rng, 0.1), tokens)])
    assert found.verdict is Authorship.UNDECIDED
    assert "against b its e-value is e^" in found.reason and "e^4.61 is needed; at this pace" in found.reason


def test_the_least_refuted_of_several_settings_counts() -> None:
    rng = np.random.default_rng(10)
    ours, several = laws(rng), author("a@temperature=0.2|1")
    tokens = draw(ours, rng)
    both = judge([several], [scores(ours, tokens, several.decodings)])
    one = judge([A], [scores(ours, tokens)])
    assert both.p_value == one.p_value
    assert both.settings == ("temperature 0.2", "temperature 1")
    assert any("one of these settings" in assumption for assumption in both.tests[0].assumptions)


def test_the_report_says_what_each_number_rests_on() -> None:
    found = attributed()
    assert found.exact and found.context.startswith("the prompt given, in its chat template (6 characters, SHA-256 ")
    gap = found.tests[0]
    assert "approximation" in gap.reason and "certificate" in gap.reason and "vacuous" in gap.reason
    assert "cross-entropy under this model equals the model's own entropy" in gap.reason
    assert [test.rule for test in found.tests] == ["AUD201", "AUD202", "AUD203", "AUD204"]
    assert all(len(test.assumptions) >= 3 and "a wrote the text" in test.null for test in found.tests)
    assert found.trace is not None and len(found.trace.log_e) == len(found.trace.pit) == N


def test_the_gap_is_blind_to_a_writer_of_equal_cross_entropy_and_the_ratio_is_not() -> None:
    """B permutes the tokens of A that are equally likely in pairs: same surprisal on average, another writer."""
    rng = np.random.default_rng(11)
    ours = np.sort(laws(rng, 300), axis=1)
    ours[:, 1::2] = ours[:, ::2]  # pairs of equal probability
    theirs = ours.copy()
    theirs[:, ::2] += 0.8
    theirs[:, 1::2] -= 0.8
    tokens = draw(theirs, rng)
    found = judge([A, B], [scores(ours, tokens), scores(theirs, tokens)])
    by = {test.rule: test for test in found.tests}
    assert by["AUD201"].p_value is not None and by["AUD201"].p_value > 0.05
    assert by["AUD204"].p_value is not None and by["AUD204"].p_value < 1e-6
    assert found.verdict is Authorship.NOT_WRITTEN_BY


def test_a_greedy_text_whose_tokens_its_tokenizer_does_not_give_back_is_not_refuted(tmp_path: Path) -> None:
    """The model wrote "353" as "3" and "53", its tokenizer reads "35" and "3": neither of them is the likeliest token."""
    model = Store(tmp_path).resolve(str(MODEL), offline=True)
    authors = [Author(Candidate.parse(f"m@template=none,temperature={each}"), "candidate", Session(model)) for each in (0, 1)]
    (greedy,), tokenizer, reread = authors[0].candidate.decodings, load_tokenizer(model.folder), 0
    for prompt, sample in zip(PROMPTS[1:2], Sampler(model)(PROMPTS[1:2], greedy, 100, 1), strict=True):
        raw = RawText("drawn", "0" * 64, "utf-8", sample.text, len(sample.text))
        (document,) = judge_texts([(raw, person())], authors, Settings(0.01, prompt, find_rules()))
        assert [one.verdict for one in document.attributions] == [Authorship.WRITTEN_BY, Authorship.NOT_WRITTEN_BY]
        assert document.tokens == len(sample.token_ids)
        reread += tokenizer.encode(sample.text, add_special_tokens=False).ids != list(sample.token_ids)
    assert reread

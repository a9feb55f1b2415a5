"""Markdown is read like the page that it becomes: what HTML or JSX wraps is text, and what builders take out is none."""

from __future__ import annotations

import pytest

from tests.extract.ask import answer

PROSE = (
    "The harbour was quiet when the last boat came in, and nobody on the quay had expected to see it again before the spring "
    "storms were over and the long evenings had returned."
)
OTHER = "Its crew said little, tied it up, and went home in the rain."
WORDS = f"{PROSE} {OTHER}".split()


@pytest.mark.parametrize(
    "source",
    [
        f"<div>\n{PROSE}\n{OTHER}\n</div>\n",
        f"<p>{PROSE}</p>\n<p>{OTHER}</p>\n",
        f"<DIV>\n\n{PROSE}\n\n{OTHER}\n\n</DIV>\n",
        f"<details>\n{PROSE}\n{OTHER}\n</details>\n",
        f"<details open>\n\n{PROSE}\n\n{OTHER}\n</details>\n",
        f"    {PROSE}\n    {OTHER}\n",
        f"```\n{PROSE}\n{OTHER}\n```\n",
        f"```{{note}}\n{PROSE}\n{OTHER}\n```\n",
        f"> {PROSE}\n> {OTHER}\n",
        f":::note\n\n{PROSE}\n\n{OTHER}\n\n:::\n",
        f"!!! note\n    {PROSE}\n    {OTHER}\n",
        f"---\n\n{PROSE}\n\n---\n\n{OTHER}\n",
        f"import Tabs from '@theme/Tabs';\n\n<Tabs items={{['a', 'b']}} x={{y}}>\n<Tab>\n\n{PROSE} {OTHER}\n\n</Tab></Tabs>\n",
        f'<Note title="x">{PROSE}</Note>\n\n{OTHER}\n',
        f"{{{{% notice %}}}}\n{PROSE}\n{OTHER}\n{{{{% /notice %}}}}\n",
        f"{{/* no text */}}\n\n{PROSE} {OTHER}\n",
        f"+++\ntitle = 'x'\n+++\n{PROSE} {OTHER}\n",
        f'{{"title": "x", "tags": ["a"]}}\n{PROSE} {OTHER}\n',
        f"\n---\ntitle: x\ntags: [a, b]\n---\n{PROSE} {OTHER}\n",
        f"<!-- a comment -->\n{PROSE} {OTHER}\n",
        f"$$\n\\sum_{{i=1}}^n x_i = \\frac{{a}}{{b}}\n$$\n\n{PROSE} {OTHER}\n",
        f"<<<<<<< HEAD\n{PROSE}\n=======\n{OTHER}\n>>>>>>> branch\n",
        f"{PROSE}[^1] {OTHER}\n",
        f"{PROSE}\n{{: .lead}}\n\n{OTHER}\n",
        f"```python\nimport os\nprint(os.name)\n```\n\n{PROSE} {OTHER}\n",
        f'{{{{< figure src="a.png" alt="harbour" >}}}}\n\n{PROSE} {OTHER}\n',
    ],
)
def test_whatever_is_around_it_the_text_that_a_reader_sees_comes_back(source: str) -> None:
    assert answer("markdown", source)["text"].split() == WORDS


def test_entities_are_read_as_the_characters_that_they_stand_for() -> None:
    assert (
        answer("markdown", "Cats &amp; dogs, &quot;so called&quot;, cost &lt; 5 &euro;.")["text"]
        == 'Cats & dogs, "so called", cost < 5 €.'
    )


@pytest.mark.parametrize(
    "rule", ["---\n\nNote: see what follows, it is long.\n\n---\n", "---\n- a list\n- of things\n---\n", "---\nwords\n---\n"]
)
def test_a_rule_in_the_first_line_begins_no_front_matter(rule: str) -> None:
    found = answer("markdown", f"{rule}\n{PROSE}\n")
    assert PROSE in found["text"]
    assert not any("front matter" in note for note in found["notes"])
    assert found["text"] != PROSE


def test_an_essay_in_the_front_matter_is_counted_as_left_out() -> None:
    found = answer("markdown", f"---\ntitle: x\nbody: |\n  {PROSE}\n---\n{OTHER}\n")
    assert found["text"] == OTHER
    assert found["omitted"] > len(PROSE.replace(" ", ""))


def test_what_markdown_hides_stays_hidden_over_its_blocks() -> None:
    found = answer("markdown", f'{OTHER}\n\n<div style="display:none">\n\n{PROSE}\n\n</div>\n\nThe end.\n')
    assert found["text"] == f"{OTHER}\n\nThe end."
    assert [(how, excerpt) for _, how, _, excerpt in found["hidden"]] == [("display:none", PROSE[:80])]


def test_formulas_in_a_sentence_are_no_words_and_prices_are() -> None:
    assert (
        answer("markdown", "Let $x_i^2$ and $n$ be small; it costs $5 or $10.")["text"]
        == "Let and be small; it costs $5 or $10."
    )


def test_code_is_left_out_and_counted() -> None:
    found = answer("markdown", f"{PROSE}\n\n```\nfor i in range(10):\n    total += values[i]\n```\n\nSee `code`.\n")
    assert found["text"] == f"{PROSE}\n\nSee code."
    assert found["omitted"] == len("foriinrange(10):total+=values[i]")


def test_what_looks_like_markup_in_code_is_left_as_it_is() -> None:
    assert answer("markdown", "Write `{{< figure >}}` or `$x^2$` here.")["text"] == "Write {{< figure >}} or $x^2$ here."


def test_headings_quotes_and_tables_stand_apart() -> None:
    found = answer("markdown", f"# Title\n\n{PROSE}\n\n> Said he.\n\n| a | b |\n|---|---|\n| c | d |\n")
    apart = [(found["text"][start:end], what) for start, end, what in found["apart"]]
    assert apart == [("Title", "heading"), ("Said he.", "quote"), *((cell, "table") for cell in "abcd")]


def test_lines_keep_their_numbers() -> None:
    source = "---\ntitle: x\n---\n{/* a\ncomment */}\n# Heading\n\nOne\ntwo  \nthree\n\n<div>\nfour\n</div>\n"
    found = answer("markdown", source)
    assert [name for _, name in found["places"]] == ["line 6", "line 8", "line 9", "line 10", "line 12"]


def test_what_a_style_of_jsx_hides_is_hidden() -> None:
    unseen = "Not shown to any reader of this page, however long it is looked at. " * 9
    found = answer("markdown", f"Shown.\n\n<p style={{{{display: 'none', marginTop: 3}}}}>{unseen}</p>\n")
    assert found["text"] == "Shown."
    assert [each[1] for each in found["hidden"]] == ["display:none"]


def test_long_comments_and_blocks_that_are_not_rendered_are_named() -> None:
    remark = "Nobody who opens this page in any browser will see these words, " * 3
    for hidden_in, what in (
        (f"<!-- {remark} -->", "comment"),
        (f"<!-- {remark}", "comment"),  # without an end, which hides the rest
        (f"{{% comment %}}\n{remark}\n{{% endcomment %}}", "comment"),
        (f"::: {{.content-hidden when-format=html}}\n{remark}\n:::", "hidden block"),
    ):
        found = answer("markdown", f"Shown.\n\n{hidden_in}\n")
        assert (found["text"], found["notes"]) == ("Shown.", [f"Left out: {what} (1)."])
    assert answer("markdown", "Shown.\n\n<!-- a short remark -->\n")["notes"] == []

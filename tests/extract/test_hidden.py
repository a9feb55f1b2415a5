"""What a document holds and nobody sees is left out, counted and shown with how it is hidden."""

from __future__ import annotations

import pytest

from fixtures.documents import pdf_objects
from tests.extract.ask import answer, docx_body, hidden, run, with_styles

VANISH, WHITE = "<w:vanish/>", '<w:color w:val="FFFFFF"/>'
EFFECTS = 'xmlns:w14="http://schemas.microsoft.com/office/word/2010/wordml"'


# Word


@pytest.mark.parametrize(
    ("properties", "how"),
    [
        (VANISH, "hidden by its format"),
        (WHITE, "white letters"),
        ('<w:color w:val="F8F8FF"/>', "white letters"),
        ('<w:color w:themeColor="background1"/>', "white letters"),
        ('<w:sz w:val="2"/>', "tiny letters"),
        ('<w:w w:val="1"/>', "letters without a shape"),
        ('<w:position w:val="-3000"/>', "letters without a shape"),
        (f"<w14:textFill {EFFECTS}><w14:noFill/></w14:textFill>", "letters without a shape"),
        (
            f'<w14:textFill {EFFECTS}><w14:solidFill><w14:srgbClr w14:val="FFFFFF"/></w14:solidFill></w14:textFill>',
            "white letters",
        ),
        ('<w:color w:val="000000"/><w:shd w:val="clear" w:fill="000000"/>', "letters in the colour of what is behind"),
        ('<w:color w:val="FF0000"/><w:highlight w:val="red"/>', "letters in the colour of what is behind"),
        ('<w:color w:val="000000" w:themeColor="background1" w:themeShade="F2"/>', "white letters"),
        ('<w:color w:val="000000" w:themeColor="text1" w:themeTint="05"/>', "white letters"),
        ('<w:rtl/><w:sz w:val="24"/><w:szCs w:val="2"/>', "tiny letters"),
        ('<w:spacing w:val="-300"/>', "letters without a shape"),
        (
            f'<w14:textFill {EFFECTS}><w14:solidFill><w14:schemeClr w14:val="bg1"/></w14:solidFill></w14:textFill>',
            "white letters",
        ),
        (
            f'<w14:textFill {EFFECTS}><w14:solidFill><w14:srgbClr w14:val="000000"><w14:alpha w14:val="100000"/>'
            "</w14:srgbClr></w14:solidFill></w14:textFill>",
            "letters without a shape",
        ),
    ],
)
def test_hidden_runs_of_word_are_left_out_and_counted(properties: str, how: str) -> None:
    found = answer("docx", docx_body(f"<w:p>{run('Shown.')}{run(' Not seen.', properties)}{run(' The end.')}</w:p>"))
    assert found["text"].split() == ["Shown.", "The", "end."]
    assert found["hidden"] == [(0, how, 8, "Not seen.")]
    assert found["notes"] == [f"Left out: 8 characters that readers do not see ({how})."]


@pytest.mark.parametrize(
    "properties",
    [
        '<w:vanish w:val="0"/>',
        WHITE + '<w:shd w:val="clear" w:fill="1F3864"/>',
        WHITE + '<w:highlight w:val="black"/>',
        '<w:color w:val="808080"/>',
        '<w:color w:themeColor="background1" w:themeShade="80"/>',
        '<w:sz w:val="12"/>',
        '<w:w w:val="66"/>',
        '<w:shd w:val="clear" w:fill="000000"/>',  # letters without a colour are white on black
        '<w:color w:val="000000"/><w:highlight w:val="yellow"/>',
        '<w:color w:val="FFFFFF" w:themeColor="text1"/>',  # the theme decides
        '<w:spacing w:val="-20"/>',
        '<w:sz w:val="24"/><w:szCs w:val="2"/>',  # of scripts that this is not
    ],
)
def test_what_a_reader_sees_is_kept(properties: str) -> None:
    found = answer("docx", docx_body(f"<w:p>{run('Shown, ')}{run('and this.', properties)}</w:p>"))
    assert (found["text"], found["hidden"]) == ("Shown, and this.", [])


def test_white_letters_between_words_are_read_as_the_spaces_that_they_look_like() -> None:
    body = run("x", WHITE).join(run(word) for word in ["In", "recent", "years", "there"])
    found = answer("docx", docx_body(f"<w:p>{body}</w:p>"))
    assert (found["text"], found["hidden"]) == ("In recent years there", [(0, "white letters", 3, "xxx")])


def test_styles_hide_as_runs_do_and_runs_override_them() -> None:
    style = (
        '<w:style w:type="paragraph" w:styleId="Base"><w:name w:val="base"/><w:rPr><w:vanish/></w:rPr></w:style>'
        '<w:style w:type="paragraph" w:styleId="Ghost"><w:name w:val="ghost"/><w:basedOn w:val="Base"/></w:style>'
        '<w:style w:type="character" w:styleId="Seen"><w:name w:val="seen"/><w:rPr><w:vanish w:val="0"/></w:rPr></w:style>'
        '<w:style w:type="paragraph" w:styleId="Loop"><w:name w:val="loop"/><w:basedOn w:val="Loop"/></w:style>'
    )
    ghost = '<w:pPr><w:pStyle w:val="Ghost"/></w:pPr>'
    back = run(" back", '<w:rStyle w:val="Seen"/>')
    body = f"<w:p>{run('Shown.')}</w:p><w:p>{ghost}{run('gone')}{back}</w:p>"
    body += f"<w:p><w:pPr><w:pStyle w:val='Loop'/></w:pPr>{run('Loops end.')}</w:p>"
    found = answer("docx", docx_body(body, **with_styles(style)))
    assert found["text"] == "Shown.\n\nback\n\nLoops end."
    assert [each[1:] for each in found["hidden"]] == [("hidden by its format", 4, "gone")]


def test_white_letters_on_dark_tables_pages_and_boxes_are_seen() -> None:
    cell = f'<w:tc><w:tcPr><w:shd w:val="clear" w:fill="000000"/></w:tcPr><w:p>{run("Heading", WHITE)}</w:p></w:tc>'
    table = f"<w:tbl><w:tblPr/><w:tr>{cell}</w:tr></w:tbl>"
    assert answer("docx", docx_body(table))["text"] == "Heading"
    dark = docx_body(
        f"<w:p>{run('Night.', WHITE)}</w:p>",
        lambda name, data: (
            data.replace(b"<w:body>", b'<w:background w:color="000000"/><w:body>', 1) if name == "word/document.xml" else data
        ),
    )
    assert answer("docx", dark)["text"] == "Night."


@pytest.mark.parametrize(
    ("properties", "how"),
    [("<w:hidden/>", "hidden by its format"), ('<w:trHeight w:val="2" w:hRule="exact"/>', "no room")],
)
def test_hidden_rows_of_word_are_left_out_and_counted(properties: str, how: str) -> None:
    cell = f"<w:tc><w:p>{run('Not seen.')}</w:p></w:tc>"
    table = f"<w:tbl><w:tr><w:trPr>{properties}</w:trPr>{cell}</w:tr></w:tbl><w:p>{run('Shown.')}</w:p>"
    found = answer("docx", docx_body(table))
    assert (found["text"], found["hidden"]) == ("Shown.", [(0, how, 8, "Not seen.")])


@pytest.mark.parametrize(
    ("properties", "how"),
    [
        ('<w:ind w:left="-20000"/>', "off the page"),
        ('<w:framePr w:x="-20000" w:y="1"/>', "off the page"),
        ('<w:spacing w:line="20" w:lineRule="exact"/>', "letters without a shape"),
    ],
)
def test_hidden_paragraphs_of_word_are_left_out_and_counted(properties: str, how: str) -> None:
    found = answer("docx", docx_body(f"<w:p><w:pPr>{properties}</w:pPr>{run('Not seen.')}</w:p><w:p>{run('Shown.')}</w:p>"))
    assert (found["text"], found["hidden"]) == ("Shown.", [(0, how, 8, "Not seen.")])


def test_tables_and_their_cells_hide_letters() -> None:
    style = '<w:style w:type="table" w:styleId="T"><w:name w:val="t"/><w:rPr><w:vanish/></w:rPr></w:style>'
    shaded = '<w:tcPr><w:shd w:val="clear" w:fill="222222"/></w:tcPr>'
    table = "<w:tbl>{}<w:tr><w:tc>{}<w:p>{}</w:p></w:tc></w:tr></w:tbl>"
    body = table.format('<w:tblPr><w:tblStyle w:val="T"/></w:tblPr>', "", run("Not seen."))
    body += table.format("", shaded, run("Nor this.", '<w:color w:val="222222"/>')) + table.format(
        "", shaded, run("Shown.", WHITE)
    )
    assert hidden("docx", docx_body(body, **with_styles(style))) == [
        ("hidden by its format", "Not seen."), ("letters in the colour of what is behind", "Nor this."),
    ]  # fmt: skip
    assert answer("docx", docx_body(body, **with_styles(style)))["text"] == "Shown."


PLACED = "http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing"


@pytest.mark.parametrize(
    ("shape", "how"),
    [
        ('<wp:inline><wp:extent cx="900000" cy="900000"/><wp:docPr id="1" name="a" hidden="1"/>{}</wp:inline>', "hidden shape"),
        ('<wp:inline><wp:extent cx="0" cy="900000"/>{}</wp:inline>', "no room"),
        (
            "<wp:anchor><wp:positionH><wp:posOffset>-99000000</wp:posOffset></wp:positionH>"
            '<wp:extent cx="900000" cy="900000"/>{}</wp:anchor>',
            "off the page",
        ),
        ('<wp:inline><wp:extent cx="900000" cy="900000"/>{}</wp:inline>', ""),
    ],
)
def test_shapes_of_word_hide_their_text(shape: str, how: str) -> None:
    box = f"<w:txbxContent><w:p>{run('Not seen.')}</w:p></w:txbxContent>"
    drawing = f'<w:r><w:drawing xmlns:wp="{PLACED}">{shape.format(box)}</w:drawing></w:r>'
    found = answer("docx", docx_body(f"<w:p>{run('Shown.')}{drawing}</w:p>"))
    assert found["text"] == ("Shown." if how else "Shown.\n\nNot seen.")
    assert [way for _, way, _, _ in found["hidden"]] == ([how] if how else [])


@pytest.mark.parametrize(
    ("style", "how"),
    [
        ("visibility:hidden;width:90pt;height:9pt", "hidden shape"),
        ("width:0;height:9pt", "no room"),
        ("position:absolute;margin-left:-9000pt;width:90pt;height:9pt", "off the page"),
        ("width:90pt;height:9pt", ""),
    ],
)
def test_older_shapes_of_word_hide_their_text(style: str, how: str) -> None:
    box = f"<w:txbxContent><w:p>{run('Not seen.')}</w:p></w:txbxContent>"
    shape = f'<v:shape xmlns:v="urn:schemas-microsoft-com:vml" style="{style}"><v:textbox>{box}</v:textbox></v:shape>'
    found = answer("docx", docx_body(f"<w:p>{run('Shown.')}<w:r><w:pict>{shape}</w:pict></w:r></w:p>"))
    assert [way for _, way, _, _ in found["hidden"]] == ([how] if how else [])


def test_instructions_of_fields_are_not_shown_and_their_results_are() -> None:
    def mark(kind: str) -> str:
        return f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>'

    nested = f"{mark('begin')}{run('MERGEFIELD x')}{mark('separate')}{run('Anna')}{mark('end')}"
    field = f"{mark('begin')}{run('IF ')}{nested}{run(' = Anna')}</w:p><w:p>{mark('separate')}{run('Dear Anna,')}{mark('end')}"
    found = answer("docx", docx_body(f"<w:p>{field}{run(' welcome.')}</w:p>"))
    assert found["text"] == "Dear Anna, welcome."
    assert found["notes"] == ["Left out: instruction of a field (4)."]


def test_rows_that_are_deleted_in_track_changes_are_named_and_those_in_content_controls_read() -> None:
    row = "<w:tr>{}<w:tc><w:p>{}</w:p></w:tc></w:tr>"
    deleted = row.format("<w:trPr><w:del/></w:trPr>", run("Deleted."))
    controlled = f"<w:sdt><w:sdtContent>{row.format('', run('Kept.'))}</w:sdtContent></w:sdt>"
    found = answer("docx", docx_body(f"<w:tbl>{deleted}{controlled}</w:tbl>"))
    assert (found["text"], found["notes"]) == ("Kept.", ["Left out: deletion in track changes (1)."])


def test_a_large_first_letter_of_word_belongs_to_its_paragraph() -> None:
    large = f'<w:p><w:pPr><w:framePr w:dropCap="drop" w:lines="3"/></w:pPr>{run("I")}</w:p>'
    found = answer("docx", docx_body(f"<w:p>{run('Before.')}</w:p>{large}<w:p>{run('n the beginning.')}</w:p>"))
    assert found["text"] == "Before.\n\nIn the beginning."


def test_a_document_all_hidden_says_so() -> None:
    found = answer("docx", docx_body(f"<w:p>{run('Nobody sees this.', VANISH)}</w:p>"))
    assert found == {"error": "shows no text: all of it is hidden (hidden by its format)"}


# Rich text

RICH = r"{\rtf1\ansi{\colortbl;\red255\green255\blue255;\red9\green9\blue9;}{\stylesheet{\*\cs5 \v ghost;}}Shown.\par "


@pytest.mark.parametrize(
    ("control", "how"),
    [
        (r"\v", "hidden by its format"),
        (r"\cs5", "hidden by its format"),
        (r"\cf1", "white letters"),
        (r"\cf2\highlight2", "letters in the colour of what is behind"),
        (r"\fs2", "tiny letters"),
        (r"\charscalex1", "letters without a shape"),
        (r"\expndtw-400", "letters without a shape"),
        (r"\pard\sl-20\slmult0", "letters without a shape"),
        (r"\pard\li-30000", "off the page"),
        (r"\shpleft-30000\shptop0", "off the page"),
        (r"\up9000", "letters without a shape"),
    ],
)
def test_hidden_letters_of_rich_text_are_left_out_and_counted(control: str, how: str) -> None:
    found = answer("rtf", f"{RICH}{{{control} Not seen.}}}}")
    assert found["text"] == "Shown."
    assert [each[1:] for each in found["hidden"]] == [(how, 8, "Not seen.")]


def test_footnotes_and_boxes_of_rich_text_are_read_and_what_is_left_out_is_named() -> None:
    body = (
        r"One{\footnote A {\b note} here.} two.\par{\shp{\*\shpinst{\shptxt In a box.}}}{\header Top.}{\*\annotation Hm.}"
        r"{\deleted Gone.}"
    )
    found = answer("rtf", RICH + body + "}")
    assert found["text"] == "Shown.\n\nOne two.\n\nIn a box.\n\nA note here."
    assert [kind for *_, kind in found["apart"]] == ["reference"]
    assert found["notes"] == ["Left out: page header or footer (1), comment (1), deletion in track changes (1)."]


# Web pages

PROSE = "Nobody who opens this page in any browser will ever see these words of it."


@pytest.mark.parametrize(
    ("style", "how"),
    [
        ("display:none", "display:none"),
        ("DISPLAY : none !important", "display:none"),
        ("visibility:hidden", "visibility:hidden"),
        ("opacity:0", "transparent letters"),
        ("font-size:0", "tiny letters"),
        ("font-size:1px", "tiny letters"),
        ("position:absolute;left:-9999px", "off the page"),
        ("text-indent:-9999px", "off the page"),
        ("height:0;overflow:hidden", "no room"),
        ("color:#fff", "white letters"),
        ("color: rgb(255, 255, 255)", "white letters"),
        ("color:transparent", "white letters"),
        ("color:rgb(255 255 255 / 90%)", "white letters"),
        ("color:oklch(1 0 0)", "white letters"),
        ("color:#f4f4f4", "white letters"),
        ("-webkit-text-fill-color:transparent", "white letters"),
        ("--ink:#fff;color:var(--ink)", "white letters"),
        ("color:var(--nobody-sets-it,white)", "white letters"),
        ("color:#123456;background:#123456", "letters in the colour of what is behind"),
        ("font:0/0 serif", "tiny letters"),
        ("filter:opacity(0)", "transparent letters"),
        ("filter:blur(9px)", "blurred"),
        ("content-visibility:hidden", "display:none"),
        ("position:absolute;clip:rect(0,0,0,0)", "no room"),
        ("clip-path:inset(50%)", "no room"),
        ("clip-path:polygon(0 0,0 0,0 0)", "no room"),
        ("transform:scale(0)", "no room"),
        ("transform:rotateX(90deg)", "no room"),
        ("transform:translateX(-9999px)", "off the page"),
        ("position:fixed;inset:-9999px auto auto 0", "off the page"),
        ("position:absolute;left:9999px", "off the page"),
        ("margin-left:-9999px", "off the page"),
        ("position:relative;left:-9999px", "off the page"),
        ("position:absolute;left:calc(-1 * (9000px + 2em))", "off the page"),
        ("position:fixed;top:100vh", "off the page"),
        ("position:fixed;bottom:-5000px", "off the page"),
        ("translate:-9999px 0", "off the page"),
        ("text-indent:100%;overflow:hidden;white-space:nowrap", "off the page"),
        ("transform:matrix(0,0,0,0,0,0)", "no room"),
        ("transform:scale(.01)", "no room"),
        ("transform:rotate3d(0,1,0,90deg)", "no room"),
        ("transform:rotateY(180deg);backface-visibility:hidden", "no room"),
        ("rotate:y .25turn", "no room"),
        ("zoom:.01", "no room"),
        ("block-size:0;overflow:clip", "no room"),
        ("inline-size:0;overflow:auto", "no room"),
        ("clip-path:inset(0 100% 0 0)", "no room"),
        ("clip-path:ellipse(0 0)", "no room"),
        ("clip-path:path('M0 0')", "no room"),
        ("filter:opacity(0%)", "transparent letters"),
        ("opacity:calc(1 - 1)", "transparent letters"),
        ("mask:linear-gradient(transparent,transparent)", "transparent letters"),
        ("font-size:calc(1px - 1px)", "tiny letters"),
        ("color:hwb(0 100% 0%)", "white letters"),
        ("color:color(srgb 1 1 1)", "white letters"),
        ("color:hsl(0deg 0% 99%)", "white letters"),
        ("color:color-mix(in srgb, white 100%, black 0%)", "white letters"),
        ("color:light-dark(#fff, #000)", "white letters"),
    ],
)
@pytest.mark.parametrize("tag", ["div", "span"])
def test_hidden_stretches_of_pages_are_left_out_and_counted(style: str, how: str, tag: str) -> None:
    found = answer("html", f'<body><p>Shown.</p><{tag} style="{style}">{PROSE}</{tag}><p>The end.</p></body>')
    assert found["text"].split() == ["Shown.", "The", "end."]
    assert [(each[1], each[3]) for each in found["hidden"]] == [(how, PROSE)]


@pytest.mark.parametrize(
    "page",
    [
        '<p>Shown <span style="color:white;background:black">and this</span></p>',
        '<div style="background-color:#222"><p style="color:#fff">Shown and this</p></div>',
        '<p>Shown <span style="font-size:0.8em">and this</span></p>',
        "<p>Shown <span style='color:#777'>and this</span></p>",
        '<table bgcolor="#000000"><tr><td><font color="white">Shown and this</font></td></tr></table>',
        '<style>@media print {p {display:none}} p.x {color:white} body {background:#000}</style><p class="x">Shown and this',
        "<details><summary>Shown</summary>and this</details>",
        '<div style="visibility:hidden"><p style="visibility:visible">Shown and this</p></div>',
        '<ul style="font-size:0"><li style="font-size:16px">Shown and this</li></ul>',
        '<div style="background:#000"><p style="background:#fff">Shown and this</p></div>',
        '<div style="background:linear-gradient(red,blue)"><p style="color:white">Shown and this</p></div>',
        '<h1 style="background-image:url(x);background-clip:text;color:transparent">Shown and this</h1>',
        "<style>@media (max-width:600px) {p {display:none}} @media (prefers-color-scheme:dark) {p {color:white}}</style>"
        "<p>Shown and this",
        "<style>.x {display:none} .x.y {display:block} p.x {display:none !important} p.x {display:block}</style>"
        '<div class="y x">Shown and this</div>',
        '<link rel="stylesheet" href="https://example.org/a.css"><p style="background:black">Shown and this',
        '<div><template shadowrootmode="open"><p>Shown and this</p></template></div>',
        "<style>@supports not (display:grid) {p {display:none}} @media not screen {p {display:none}}</style><p>Shown and this",
        "<style>p {opacity:0; animation:appear 1s forwards} @keyframes appear {to {opacity:1}}</style><p>Shown and this",
        '<p style="transform:rotate(2deg) scale(.9);translate:10px;clip-path:inset(10% 5%);opacity:.9">Shown and this',
        '<p style="mask:linear-gradient(black,transparent);zoom:.5;text-indent:2%;overflow:auto">Shown and this',
        '<p style="color:color-mix(in srgb, white 20%, black);height:calc(10px + 2em);overflow:hidden">Shown and this',
        '<p hidden style="display:block">Shown and this</p>',
        '<div class="content-sidebar-wrap"><div class="nav-content">Shown and this</div></div>',  # not what they are called
        "<p>Shown <ruby>and<rp>(</rp><rt>undo</rt><rp>)</rp></ruby> this</p>",
    ],
)
def test_what_a_reader_of_a_page_sees_is_kept(page: str) -> None:
    found = answer("html", f"<html><body>{page}</body></html>")
    assert (found["text"].split(), found["hidden"]) == (["Shown", "and", "this"], [])


def test_style_sheets_hide_as_attributes_do() -> None:
    sheet = ".ghost, #x { display: none } p::before { color: white }"
    page = f"<html><head><style>{sheet}</style></head><body><p>Shown.</p>"
    assert hidden("html", f'{page}<p class="ghost">{PROSE}</p>') == [("display:none", PROSE)]
    assert hidden("html", f'{page}<p id="x">{PROSE}</p>') == [("display:none", PROSE)]
    assert hidden("html", f"{page}<p hidden>{PROSE}</p>") == [("display:none", PROSE)]
    assert hidden("html", f"{page}<div popover>{PROSE}</div>") == [("display:none", PROSE)]
    for rule in (
        '@import url("data:text/css,.y{display:none}");', "@media not print {.y {display:none}}",
        ".y {animation:vanish 0s forwards} @keyframes vanish {from {opacity:1} to {opacity:0}}",
    ):  # fmt: skip
        assert [text for _, text in hidden("html", f"<style>{rule}</style><p>Shown.</p><p class=y>{PROSE}</p>")] == [PROSE]
    for sheet in ("data:text/css,.y{display:none}", "data:text/css;base64,Lnl7ZGlzcGxheTpub25lfQ=="):
        linked = f'<link rel="stylesheet" href="{sheet}"><p style="color:black">Shown.</p><p class="y">{PROSE}</p>'
        assert hidden("html", linked) == [("display:none", PROSE)]


def test_transparencies_within_each_other_multiply() -> None:
    within = f'<div style="opacity:.2"><div style="opacity:20%"><p>{PROSE}</p></div></div>'
    assert hidden("html", f"<p>Shown.</p>{within}") == [("transparent letters", PROSE)]


@pytest.mark.parametrize(
    "sheet",
    [
        "#x {display:none} .ghost {display:block}",
        ".ghost {display:none !important} #x {display:block}",
        "body { .ghost {display:none} }",
        "body { color:red; & > .ghost {display:none} }",
        ":root {--none:none} .ghost {display:var(--none)}",
        "@media screen and (min-width:800px) {.ghost {display:none}}",
        "@media print, screen {.ghost {display:none}}",
        "@container (min-width:1px) {.ghost {display:none}}",
    ],
)
def test_the_cascade_of_style_sheets_is_followed(sheet: str) -> None:
    page = f'<style>{sheet}</style><p>Shown.</p><p id="x" class="ghost">{PROSE}</p>'
    assert hidden("html", page) == [("display:none", PROSE)]


def test_what_a_reader_sees_and_that_is_not_read_is_named() -> None:
    page = (
        "<style>.x::before {content: 'Words of a sheet'}</style><p class='x'>Shown.</p><math><mi>x</mi></math>"
        "<svg><text>Drawn words</text></svg><iframe srcdoc='Framed words'></iframe><textarea>Typed words</textarea>"
    )
    found = answer("html", page)
    kinds = ["text from a style sheet", "formula", "text in a drawing", "embedded page", "form field"]
    assert found["text"] == "Shown."
    assert found["notes"] == ["Left out: " + ", ".join(f"{kind} (1)" for kind in kinds) + "."]
    assert found["omitted"] == len("WordsofasheetDrawnwordsFramedwordsTypedwords")


def test_letters_that_a_page_turns_round_are_marked_as_such() -> None:
    turned = '<p style="unicode-bidi:bidi-override;direction:rtl">.saw ti sA</p><p>On <bdo dir="rtl">ti</bdo> went.</p>'
    assert answer("html", turned)["text"] == "\u202e.saw ti sA\u202c\n\nOn \u202eti\u202c went."


def test_labels_menus_and_words_for_screen_readers_are_no_tampering() -> None:
    page = (
        '<a class="sr-only" style="position:absolute;left:-9999px">Skip to the content of this long page, please do it now</a>'
        f'<nav style="display:none"><p>{PROSE}</p></nav><div style="display:none">Copied!</div><p>Shown.</p>'
    )
    found = answer("html", page)
    assert (found["text"], found["hidden"]) == ("Shown.", [])
    assert "hidden label or notice" in found["notes"][0]


def test_marks_of_notes_are_no_words() -> None:
    assert answer("html", "<p>It was so.<sup>12</sup> It is so<sup><a href='#n'>[3]</a></sup>, on the 2<sup>nd</sup>.</p>")[
        "text"
    ] == ("It was so. It is so, on the 2nd.")


# PDF


UNSEEN = "BT /F1 12 Tf 50 600 Td (Not seen.) Tj ET"


def pdf_with_content(content: str, form: str = "") -> bytes:
    """A page of this content, which can place a picture, /I, and a drawing of the content `form`, /X."""
    data = content.encode()
    return pdf_objects([
        b"<< /Type /Catalog /Pages 2 0 R /OCProperties << /OCGs [8 0 R 9 0 R] /D << /OFF [8 0 R] >> >> >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> /XObject "
        b"<< /I 6 0 R /X 7 0 R >> /ExtGState << /Clear << /ca 0 >> /Faint << /CA 0 >> /Mixed << /BM /Multiply >> >> "
        b"/Properties << /Off 8 0 R "
        b"/On 9 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(data), data),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< /Type /XObject /Subtype /Image /Width 1 /Height 1 /ColorSpace /DeviceGray /BitsPerComponent 8 /Length 1 >>\n"
        b"stream\n\x00\nendstream",
        b"<< /Type /XObject /Subtype /Form /BBox [0 0 595 842] /Resources << /Font << /F1 5 0 R >> >> /Length %d >>\n"
        b"stream\n%s\nendstream" % (len(form), form.encode()),
        b"<< /Type /OCG /Name (Off) >>",
        b"<< /Type /OCG /Name (On) >>",
    ])  # fmt: skip


SHOWN = "BT /F1 12 Tf 50 700 Td (Shown.) Tj ET "


@pytest.mark.parametrize(
    ("content", "how"),
    [
        ("1 g BT /F1 12 Tf 50 600 Td (Not seen.) Tj ET", "white letters"),
        ("1 1 1 rg BT /F1 12 Tf 50 600 Td (Not seen.) Tj ET", "white letters"),
        ("0 0 0 0 k BT /F1 12 Tf 50 600 Td (Not seen.) Tj ET", "white letters"),
        ("/DeviceRGB cs 1 1 1 sc BT /F1 12 Tf 50 600 Td (Not seen.) Tj ET", "white letters"),
        ("BT /F1 1 Tf 50 600 Td (Not seen.) Tj ET", "tiny letters"),
        ("q 0.05 0 0 0.05 0 0 cm BT /F1 12 Tf 50 600 Td (Not seen.) Tj ET Q", "tiny letters"),
        ("BT 3 Tr /F1 12 Tf 50 600 Td (Not seen.) Tj ET", "invisible letters"),
        ("BT /F1 12 Tf 50 -600 Td (Not seen.) Tj ET", "off the page"),
        ("BT /F1 12 Tf 5000 Ts 50 600 Td (Not seen.) Tj ET", "off the page"),
        ("BT /F1 12 Tf 1 Tz 50 600 Td (Not seen.) Tj ET", "tiny letters"),
        ("BT 7 Tr /F1 12 Tf 50 600 Td (Not seen.) Tj ET", "invisible letters"),
        (f"/Clear gs {UNSEEN}", "transparent letters"),
        (f"/OC /Off BDC {UNSEEN} EMC", "on a layer that is not shown"),
        (f"{UNSEEN} 1 g 40 590 200 30 re f", "covered by what is drawn over it"),
        (f"0.1 g 40 590 200 30 re f 0.1 0.1 0.1 rg {UNSEEN}", "letters in the colour of what is behind"),
        (f"{UNSEEN} q 200 0 0 30 40 590 cm /I Do Q", "covered by a picture"),
        (f"{UNSEEN} 1 g 30 580 m 300 570 l 290 640 l 200 650 l 35 640 l f", "covered by what is drawn over it"),
        ("1 G BT 1 Tr /F1 12 Tf 50 600 Td (Not seen.) Tj ET", "white letters"),
        ("1 G 1 g BT 2 Tr /F1 12 Tf 50 600 Td (Not seen.) Tj ET", "white letters"),
        ("/Faint gs BT 1 Tr /F1 12 Tf 50 600 Td (Not seen.) Tj ET", "transparent letters"),
        ("BT /F1 12 Tf -7 Tc 50 600 Td (Not seen.) Tj ET", "letters on top of each other"),
    ],
)
def test_hidden_text_of_pdf_is_left_out_and_counted(content: str, how: str) -> None:
    found = answer("pdf", pdf_with_content(SHOWN + content))
    assert (found["text"], found["hidden"]) == ("Shown.", [(0, how, 8, "Not seen.")])


@pytest.mark.parametrize(
    "content",
    [
        "0 0 1 rg 40 580 400 60 re f 1 g BT /F1 12 Tf 50 600 Td (And this.) Tj ET",
        "q 300 0 0 150 40 500 cm /I Do Q 1 g BT /F1 12 Tf 50 600 Td (And this.) Tj ET",
        "q 1 g Q BT /F1 12 Tf 50 600 Td (And this.) Tj ET",
        "BT /F1 1 Tf 12 0 0 12 50 600 Tm (And this.) Tj ET",
        "q 595 0 0 842 0 0 cm /I Do Q BT 3 Tr /F1 12 Tf 50 600 Td (And this.) Tj ET",  # recognised letters of a scan
        "BT /F1 12 Tf 50 600 Td (And this.) Tj ET q 595 0 0 842 0 0 cm /I Do Q",  # and beneath it
        "/OC /On BDC BT /F1 12 Tf 50 600 Td (And this.) Tj ET EMC",
        "40 590 200 30 re W n BT /F1 12 Tf 50 600 Td (And this.) Tj ET",
        "q 40 590 200 30 re W n /S sh Q 1 g BT /F1 12 Tf 50 600 Td (And this.) Tj ET",  # on a run of colours
        "1 G BT 2 Tr /F1 12 Tf 50 600 Td (And this.) Tj ET",  # with a white rim, too
        "BT /F1 12 Tf 50 600 Td (And this.) Tj ET 40 300 m 90 640 l 60 640 l f",  # beside what is drawn later
        "1 g 40 590 200 30 re f 0 g BT /F1 12 Tf 50 600 Td (And this.) Tj ET",
        "40 590 200 30 re 41 591 198 28 re f* BT /F1 12 Tf 50 600 Td (And this.) Tj ET",  # a frame
        "BT /F1 12 Tf 50 600 Td (And this.) Tj ET /Mixed gs 1 1 0 rg 40 590 200 30 re f",  # a marker's yellow
        "BT /F1 12 Tf 50 600 Td (And this.) Tj 0.3 0 Td (And this.) Tj ET",  # bold by drawing twice
        "1 g BT /F1 12 Tf 50 600 Td (And this.) Tj ET 0 g BT 50 600 Td (And this.) Tj ET",  # with a white rim
    ],
)
def test_what_a_reader_of_a_pdf_sees_is_kept(content: str) -> None:
    found = answer("pdf", pdf_with_content(SHOWN + content))
    assert (found["text"].split(), found["hidden"]) == (["Shown.", "And", "this."], [])


@pytest.mark.parametrize(
    ("content", "form", "how"),
    [
        ("/X Do", f"1 g {UNSEEN}", "white letters"),
        ("1 g /X Do", UNSEEN, "white letters"),
        ("q 0.01 0 0 0.01 0 0 cm /X Do Q", UNSEEN, "tiny letters"),
    ],
)
def test_drawings_whose_letters_are_all_hidden_are_left_out(content: str, form: str, how: str) -> None:
    found = answer("pdf", pdf_with_content(SHOWN + content, form))
    assert (found["text"], found["hidden"]) == ("Shown.", [(0, how, 8, "Not seen.")])
    shown = answer("pdf", pdf_with_content(f"{SHOWN} /X Do", UNSEEN.replace("Not seen", "And this")))
    assert (shown["text"].split(), shown["hidden"]) == (["Shown.", "And", "this."], [])


def test_lines_that_are_clipped_away_are_hidden_and_short_ones_are_labels() -> None:
    clipped = "q 0 0 5 5 re W n BT /F1 12 Tf 50 600 Td ({}) Tj ET Q"
    assert hidden("pdf", pdf_with_content(SHOWN + clipped.format(PROSE))) == [("clipped away", PROSE)]
    assert hidden("pdf", pdf_with_content(f"{SHOWN} q 0 0 5 5 re W n /X Do Q", clipped.format(PROSE))) == [
        ("clipped away", PROSE)
    ]
    label = answer("pdf", pdf_with_content(SHOWN + clipped.format("Chart of the results")))
    assert (label["text"], label["hidden"], label["notes"]) == ("Shown.", [], ["Left out: hidden label (1)."])


def test_a_large_first_letter_of_a_page_belongs_to_its_word() -> None:
    large = "BT /F1 40 Tf 50 700 Td (O) Tj ET"
    rest = "BT /F1 12 Tf 90 690 Td (nce upon a time.) Tj 0 -14 Td (A) Tj 0 -14 Td (king slept.) Tj ET"
    assert answer("pdf", pdf_with_content(f"{large} {rest}"))["text"].split("\n") == ["Once upon a time.", "A", "king slept."]


def test_a_pdf_all_hidden_says_so() -> None:
    said = answer("pdf", pdf_with_content("1 g BT /F1 12 Tf 50 600 Td (Not seen.) Tj ET"))
    assert said == {"error": "shows no text: all of it is hidden (white letters)"}


def test_white_letters_of_embedded_fonts_leave_the_others_readable() -> None:
    """Strings of such fonts are numbers of glyphs, which no decoding may touch."""
    weasyprint = pytest.importorskip("weasyprint")
    page = "<body style='font-family:serif'><p>What is seen, caf\u00e9.</p><p style='color:white'>What is not.</p></body>"
    data = weasyprint.HTML(string=page).write_pdf()
    assert " ".join(answer("pdf", data)["text"].split()) == "What is seen, caf\u00e9."
    assert hidden("pdf", data) == [("white letters", "What is not.")]

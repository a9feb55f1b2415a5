"""Office documents beside Word's: what a reader sees is read once and in order, and what he does not see is named."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from docx.opc.oxml import parse_xml

from llm_audit.extract.pptx_places import DRAWING
from tests.extract.ask import answer, hidden
from tests.extract.test_formats import NAMES, odt

P = "<text:p>{}</text:p>"
DIAGRAM = "http://schemas.openxmlformats.org/drawingml/2006/diagram"
OPACITY = "urn:org:documentfoundation:names:experimental:office:xmlns:loext:1.0"
HIDDEN_PROSE = "Nobody who reads the document sees a word of this."


def cell(text: str) -> str:
    return f"<table:table-cell><text:p>{text}</text:p></table:table-cell>"


def table(*rows: str) -> str:
    return "<table:table>" + "".join(f"<table:table-row>{row}</table:table-row>" for row in rows) + "</table:table>"


def text_of(body: str, styles: str = "") -> list[str]:
    return str(answer("odt", odt(body, styles))["text"]).split("\n\n")


def test_odt_tables_boxes_and_notes_within_each_other_are_read_once() -> None:
    note = "<text:note><text:note-citation>1</text:note-citation><text:note-body>"
    note += "<text:p>A note.</text:p></text:note-body></text:note>"
    comment = "<office:annotation><text:p>a comment</text:p></office:annotation>"
    box = "<draw:frame><draw:text-box><text:p>Boxed.</text:p></draw:text-box></draw:frame>"
    inner = f"<table:table-cell><text:p>outer</text:p>{table(cell('inner'))}</table:table-cell>"
    body = table(cell(f"one{note}{comment}") + cell(f"two{box}"), inner) + P.format("After.")
    found = answer("odt", odt(body))
    assert found["text"].split() == ["one", "two", "outer", "Boxed.", "inner", "After.", "A", "note."]
    assert found["notes"] == ["Left out: comment (1)."]


def test_odt_shapes_have_paragraphs_of_their_own_and_descriptions_of_pictures_are_no_text() -> None:
    shape = "<draw:custom-shape><text:p>In a shape.</text:p></draw:custom-shape>"
    picture = "<draw:frame><draw:image/><title>A title</title><desc>What it shows</desc></draw:frame>"
    assert text_of(P.format(f"{shape}The anchor.") + P.format(f"{picture}Beside it.")) == [
        "The anchor.",
        "In a shape.",
        "Beside it.",
    ]


def test_odt_spaces_of_the_file_are_one_on_the_page_and_references_are_text() -> None:
    shown = P.format("one\n      <text:span>two</text:span>   see <text:bookmark-ref>chapter 3</text:bookmark-ref>.")
    assert text_of(shown) == ["one two see chapter 3."]


@pytest.mark.parametrize(
    ("body", "how"),
    [
        (f"<text:p><text:hidden-paragraph/>{HIDDEN_PROSE}</text:p>", "hidden paragraph"),
        (f'<text:section text:display="condition" text:is-hidden="true">{P.format(HIDDEN_PROSE)}</text:section>',
         "hidden section"),
        (f'<text:p><text:hidden-text text:string-value="{HIDDEN_PROSE}"/></text:p>', "hidden text field"),
        (table(cell(HIDDEN_PROSE), cell("a")).replace("-row>", '-row table:visibility="collapse">', 1), "hidden row"),
    ],
)  # fmt: skip
def test_odt_names_what_conditions_and_tables_hide(body: str, how: str) -> None:
    data = odt(f"{P.format('Shown.')}{body}")
    assert answer("odt", data)["text"].split() in (["Shown."], ["Shown.", "a"])
    assert hidden("odt", data) == [(how, HIDDEN_PROSE)]


def test_odt_conditions_that_do_not_hold_hide_nothing() -> None:
    body = '<text:p><text:hidden-paragraph text:is-hidden="false"/>One '
    body += '<text:hidden-text text:is-hidden="false">two</text:hidden-text></text:p>'
    body += f'<text:section text:display="condition" text:is-hidden="false">{P.format("three")}</text:section>'
    data = odt(body)
    assert answer("odt", data)["text"].split() == ["One", "two", "three"]
    assert hidden("odt", data) == []


@pytest.mark.parametrize(
    ("properties", "how"),
    [
        ('fo:color="#336699" fo:background-color="#336699"', "letters in the colour of what is behind"),
        ('fo:font-size="0.3mm"', "tiny letters"),
        ('fo:font-size="5%"', "tiny letters"),
        ('style:text-position="super 3%"', "tiny letters"),
        ('style:text-position="2000% 100%"', "letters without a shape"),
        ('style:text-scale="1%"', "letters without a shape"),
        (f'xmlns:l="{OPACITY}" l:opacity="0%"', "letters without a shape"),
    ],
)  # fmt: skip
def test_odt_letters_that_cannot_be_seen_are_hidden(properties: str, how: str) -> None:
    style = f'<style:style style:name="X" style:family="text"><style:text-properties {properties}/></style:style>'
    data = odt(P.format(f'Shown.<text:span text:style-name="X">{HIDDEN_PROSE}</text:span>'), style)
    assert answer("odt", data)["text"] == "Shown."
    assert hidden("odt", data) == [(how, HIDDEN_PROSE)]


def test_odt_letters_in_the_colour_of_the_window_are_seen_whatever_their_opacity() -> None:
    """LibreOffice writes so in the default style of every document."""
    properties = f'style:use-window-font-color="true" xmlns:l="{OPACITY}" l:opacity="0%"'
    style = f'<style:default-style style:family="paragraph"><style:text-properties {properties}/></style:default-style>'
    style += '<style:style style:name="X" style:family="text"><style:text-properties fo:color="#ff0000"/></style:style>'
    data = odt(P.format('Shown <text:span text:style-name="X">and this</text:span>'), style)
    assert (answer("odt", data)["text"], hidden("odt", data)) == ("Shown and this", [])


def test_odt_white_letters_on_a_dark_cell_or_page_are_seen() -> None:
    white = '<style:style style:name="W" style:family="paragraph"><style:text-properties fo:color="#ffffff"/></style:style>'
    dark = '<style:style style:name="D" style:family="table-cell">'
    dark += '<style:table-cell-properties fo:background-color="#000080"/></style:style>'
    words = '<text:p text:style-name="W">White.</text:p>'
    in_cell = table(f'<table:table-cell table:style-name="D">{words}</table:table-cell>')
    assert hidden("odt", odt(f"{P.format('Shown.')}{in_cell}", white + dark)) == []
    page = '<style:page-layout><style:page-layout-properties fo:background-color="#101010"/></style:page-layout>'
    assert hidden("odt", odt(f"{P.format('Shown.')}{words}", white + page)) == []
    assert hidden("odt", odt(f"{P.format('Shown.')}{words}", white)) == [("white letters", "White.")]


def test_odt_style_names_of_several_families_are_told_apart() -> None:
    text = '<style:style style:name="S" style:family="text"><style:text-properties fo:color="#ffffff"/></style:style>'
    assert hidden("odt", odt('<text:p text:style-name="S">Seen.</text:p>', text)) == []


def test_a_flat_open_document_is_read() -> None:
    body = f"<office:body><office:text>{P.format('Flat words.')}</office:text></office:body>"
    source = f"<office:document{NAMES}>{body}</office:document>"
    assert answer("odt", source)["text"] == "Flat words."
    assert "declares" in answer("odt", f'<!DOCTYPE x [<!ENTITY a "b">]>{source}')["error"]


# PowerPoint


def deck(make: Callable[[Any, Any], None], change: Callable[[str, bytes], bytes] = lambda name, data: data) -> bytes:
    """A presentation of one slide with the title "Shown.", as `make` fills it, and with its parts changed by `change`."""
    pptx = pytest.importorskip("pptx")
    presentation = pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[5])
    slide.shapes.title.text = "Shown."
    make(slide, presentation)
    file, changed = io.BytesIO(), io.BytesIO()
    presentation.save(file)
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return changed.getvalue()


def box(slide: Any, text: str = HIDDEN_PROSE, left: int = 1_000_000, top: int = 3_000_000) -> Any:
    shape = slide.shapes.add_textbox(left, top, 3_000_000, 500_000)
    shape.text_frame.text = text
    return shape


def run_of(shape: Any) -> Any:
    return shape.text_frame.paragraphs[0].runs[0]


def colored(color: str) -> Callable[[Any, Any], None]:
    def make(slide: Any, presentation: Any) -> None:
        from pptx.dml.color import RGBColor

        run_of(box(slide)).font.color.rgb = RGBColor.from_string(color)

    return make


def on_theme(slide: Any, presentation: Any) -> None:
    from pptx.enum.dml import MSO_THEME_COLOR

    run_of(box(slide)).font.color.theme_color = MSO_THEME_COLOR.BACKGROUND_1


def on_fill(slide: Any, presentation: Any) -> None:
    from pptx.dml.color import RGBColor

    shape = box(slide)
    shape.fill.solid()
    shape.fill.fore_color.rgb = run_of(shape).font.color.rgb = RGBColor(0, 0, 90)


@pytest.mark.parametrize(
    ("make", "how"),
    [
        (colored("FFFFFF"), "white letters"),
        (on_theme, "white letters"),
        (on_fill, "letters in the colour of what is behind"),
        (lambda slide, _: setattr(run_of(box(slide)).font, "size", 12_700), "tiny letters"),
        (lambda slide, _: box(slide, left=-9_000_000), "off the slide"),
        (lambda slide, _: box(slide)._element.nvSpPr.cNvPr.set("hidden", "1"), "hidden shape"),
        (lambda slide, _: run_of(box(slide)).font.fill.background(), "transparent letters"),
    ],
)
def test_pptx_names_what_no_viewer_sees(make: Callable[[Any, Any], None], how: str) -> None:
    data = deck(make)
    assert answer("pptx", data)["text"] == "Shown."
    assert hidden("pptx", data) == [(how, HIDDEN_PROSE)]


def on_dark_slide(slide: Any, presentation: Any) -> None:
    from pptx.dml.color import RGBColor

    slide.background.fill.solid()
    slide.background.fill.fore_color.rgb = RGBColor(0, 0, 0)
    colored("FFFFFF")(slide, presentation)


def on_another_shape(slide: Any, presentation: Any) -> None:
    slide.shapes.add_shape(1, 500_000, 2_900_000, 8_000_000, 900_000)  # filled by its style
    colored("FFFFFF")(slide, presentation)


@pytest.mark.parametrize("make", [on_dark_slide, on_another_shape, colored("777777")])
def test_pptx_letters_on_what_is_darker_are_seen(make: Callable[[Any, Any], None]) -> None:
    data = deck(make)
    assert answer("pptx", data)["text"] == f"Shown.\n\n{HIDDEN_PROSE}"
    assert hidden("pptx", data) == []


def painted(slide: Any, width: int = 5_000_000, color: str = "C8C8FA") -> Any:
    """A square of one colour over the place of `box`."""
    from pptx.dml.color import RGBColor

    shape = slide.shapes.add_shape(1, 900_000, 2_900_000, width, 900_000)
    shape.fill.solid()
    shape.fill.fore_color.rgb = RGBColor.from_string(color)
    return shape


def covered(slide: Any, presentation: Any) -> None:
    box(slide)
    painted(slide)


def covered_by_a_group(slide: Any, presentation: Any) -> None:
    box(slide)
    slide.shapes.add_group_shape([painted(slide)])


def in_a_cell(slide: Any, presentation: Any) -> None:
    from pptx.dml.color import RGBColor

    cell = slide.shapes.add_table(1, 1, 1_000_000, 3_000_000, 5_000_000, 900_000).table.cell(0, 0)
    cell.text = HIDDEN_PROSE
    cell.fill.solid()
    cell.fill.fore_color.rgb = cell.text_frame.paragraphs[0].runs[0].font.color.rgb = RGBColor(0, 0, 90)


def marked(slide: Any, presentation: Any) -> None:
    properties = run_of(box(slide))._r.get_or_add_rPr()
    properties.append(parse_xml(f'<a:highlight xmlns:a="{DRAWING[1:-1]}"><a:srgbClr val="000000"/></a:highlight>'))
    properties.insert(0, parse_xml(f'<a:solidFill xmlns:a="{DRAWING[1:-1]}"><a:srgbClr val="000000"/></a:solidFill>'))


def styled(slide: Any, presentation: Any) -> None:
    body = box(slide)._element.txBody
    style = f'<a:lstStyle xmlns:a="{DRAWING[1:-1]}"><a:lvl1pPr><a:defRPr><a:solidFill><a:srgbClr val="FFFFFF"/></a:solidFill>'
    body.insert(1, parse_xml(f"{style}</a:defRPr></a:lvl1pPr></a:lstStyle>"))


def lightened(slide: Any, presentation: Any) -> None:
    from pptx.enum.dml import MSO_THEME_COLOR

    font = run_of(box(slide)).font
    font.color.theme_color = MSO_THEME_COLOR.TEXT_1
    change = f'<a:{{}} xmlns:a="{DRAWING[1:-1]}" val="{{}}"/>'
    color = font._element.find(f"{DRAWING}solidFill")[0]
    color.extend([parse_xml(change.format("lumMod", 1000)), parse_xml(change.format("lumOff", 99_000))])


def shrunk(slide: Any, presentation: Any) -> None:
    properties = box(slide)._element.txBody.find(f"{DRAWING}bodyPr")
    for child in list(properties):
        properties.remove(child)
    properties.append(parse_xml(f'<a:normAutofit xmlns:a="{DRAWING[1:-1]}" fontScale="1000"/>'))


def moved_group(slide: Any, offset: tuple[int, int], inner: tuple[int, int], at: int, text: str) -> None:
    """A box at `at` of the measure of its group, which begins at `inner` and stands at `offset` of the slide."""
    group = slide.shapes.add_group_shape()
    group.shapes.add_textbox(at, 0, 3_000_000, 500_000).text_frame.text = text
    change = group._element.grpSpPr.find(f"{DRAWING}xfrm")
    for name, values in (("off", offset), ("chOff", inner)):
        change.find(DRAWING + name).set("x", str(values[0]))
        change.find(DRAWING + name).set("y", str(values[1]))
    for name in ("ext", "chExt"):
        change.find(DRAWING + name).set("cx", "3000000")
        change.find(DRAWING + name).set("cy", "500000")


@pytest.mark.parametrize(
    ("make", "how"),
    [
        (covered, "covered by another shape"),
        (covered_by_a_group, "covered by another shape"),
        (in_a_cell, "letters in the colour of what is behind"),
        (marked, "letters in the colour of what is behind"),
        (styled, "white letters"),
        (lightened, "white letters"),
        (shrunk, "tiny letters"),
        (lambda slide, _: box(slide, left=-2_950_000), "off the slide"),
        (lambda slide, _: moved_group(slide, (-20_000_000, 0), (0, 0), 0, HIDDEN_PROSE), "off the slide"),
    ],
)
def test_pptx_names_what_other_shapes_styles_and_groups_hide(make: Callable[[Any, Any], None], how: str) -> None:
    data = deck(make)
    assert answer("pptx", data)["text"] == "Shown."
    assert hidden("pptx", data) == [(how, HIDDEN_PROSE)]


def half_covered(slide: Any, presentation: Any) -> None:
    box(slide)
    painted(slide, width=1_500_000)


def under_glass(slide: Any, presentation: Any) -> None:
    box(slide)
    color = painted(slide)._element.spPr.find(f"{DRAWING}solidFill")[0]
    color.append(parse_xml(f'<a:alpha xmlns:a="{DRAWING[1:-1]}" val="30000"/>'))


def under_what_a_click_brings(slide: Any, presentation: Any) -> None:
    box(slide)
    main = slide.shapes.title._element.nsmap["p"]
    target = f'<p:timing xmlns:p="{main}"><p:tnLst><p:spTgt spid="{painted(slide).shape_id}"/></p:tnLst></p:timing>'
    slide._element.append(parse_xml(target))


@pytest.mark.parametrize(
    "make",
    [
        half_covered,
        under_glass,
        under_what_a_click_brings,
        lambda slide, _: (box(slide), painted(slide).fill.background()),
        lambda slide, _: moved_group(slide, (1_000_000, 3_000_000), (30_000_000, 0), 30_000_000, HIDDEN_PROSE),
    ],
)
def test_pptx_what_is_seen_through_beside_or_within_a_moved_group_is_text(make: Callable[[Any, Any], None]) -> None:
    data = deck(make)
    assert answer("pptx", data)["text"] == f"Shown.\n\n{HIDDEN_PROSE}"
    assert hidden("pptx", data) == []


def test_pptx_words_of_the_layout_are_counted_once() -> None:
    def make(slide: Any, presentation: Any) -> None:
        slide.slide_layout.shapes._spTree.append(box(slide)._element)
        presentation.slides.add_slide(slide.slide_layout)

    found = answer("pptx", deck(make))
    assert found["text"] == "Shown."
    assert found["notes"] == ["Left out: text of a slide's layout (1)."]
    assert found["omitted"] == len(HIDDEN_PROSE.replace(" ", ""))


def test_pptx_titles_come_first_and_numbers_of_slides_are_no_text() -> None:
    def make(slide: Any, presentation: Any) -> None:
        shape = box(slide, "Below")
        shape.text_frame.paragraphs[0]._p.add_r().getparent().insert(1, parse_xml(
            f'<a:fld xmlns:a="{DRAWING[1:-1]}" id="{{A}}" type="slidenum"><a:t>7</a:t></a:fld>'
        ))  # fmt: skip
        title = slide.shapes.title._element
        title.getparent().append(title)

    assert answer("pptx", deck(make))["text"] == "Shown.\n\nBelow"


def test_pptx_diagrams_are_read_and_charts_are_named() -> None:
    from pptx.chart.data import CategoryChartData

    def make(slide: Any, presentation: Any) -> None:
        data = CategoryChartData()
        data.categories = ["a"]
        data.add_series("s", (1,))
        slide.shapes.add_chart(51, 0, 0, 3_000_000, 3_000_000, data)

    frame = (
        '<p:graphicFrame><p:nvGraphicFramePr><p:cNvPr id="90" name="d"/></p:nvGraphicFramePr><a:graphic><a:graphicData>'
        f'<dgm:relIds xmlns:dgm="{DIAGRAM}" r:dm="rDm"/></a:graphicData></a:graphic>'
        "</p:graphicFrame></p:spTree>"
    )
    points = "".join(f"<dgm:pt><dgm:t><a:p><a:r><a:t>{text}</a:t></a:r></a:p></dgm:t></dgm:pt>" for text in ("First.", "Then."))
    model = f'<dgm:dataModel xmlns:dgm="{DIAGRAM}" xmlns:a="{DRAWING[1:-1]}"><dgm:ptLst>{points}</dgm:ptLst></dgm:dataModel>'

    def change(name: str, data: bytes) -> bytes:
        if name == "ppt/slides/slide1.xml":
            return data.replace(b"</p:spTree>", frame.encode())
        if name == "ppt/slides/_rels/slide1.xml.rels":
            kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/diagramData"
            related = f'<Relationship Id="rDm" Type="{kind}" Target="data1.xml"/></Relationships>'
            return data.replace(b"</Relationships>", related.encode())
        return data

    file = io.BytesIO(deck(make, change))
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("ppt/slides/data1.xml", model)
    found = answer("pptx", file.getvalue())
    assert found["text"].split() == ["Shown.", "First.", "Then."]
    assert found["notes"] == ["Left out: chart (1)."]

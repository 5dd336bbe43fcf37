"""The page as a whole: what stands in it, for whole runs and for partial ones."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from sagelens.evaluation.report import render
from sagelens.evaluation.report.page import page_of
from tests.unit.report.example import PACKAGE, deployment, material, scoring, stopped_at_the_raw_gate, training

HOSTILE = "<script>alert('x')</script>\"' onload=alert(1) ]]>--><img src=x onerror=alert(2)>"
EVERYTHING = ["steps", "gates", "data", "training", "evaluation", "champion", "release", "lineage", "record"]


class Reader(HTMLParser):
    """Collects what a browser would see."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.ids: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self.ids += [value or "" for name, value in attrs if name == "id"]


def test_a_whole_run_has_every_section() -> None:
    page = page_of(material(training(), deployment()))

    assert [id_ for id_, _ in page.sections] == EVERYTHING
    assert page.status == "Succeeded"
    assert page.failure is None


def test_the_page_says_what_a_reader_wants_first() -> None:
    text = render(material(training(), deployment()))

    for said in ("0.6884", "+0.0062", "95 %: +0.0011 to +0.0093", "Will this flight arrive late?", PACKAGE, "landed", "run1"):
        assert said in text


@pytest.mark.parametrize(
    ("executions", "sections"),
    [
        ((stopped_at_the_raw_gate(),), ["steps", "gates", "lineage", "record"]),
        ((deployment(),), ["steps", "release", "lineage", "record"]),
        ((scoring(),), ["steps", "release", "lineage", "record"]),
    ],
)
def test_sections_appear_only_where_there_is_something(executions: tuple, sections: list[str]) -> None:
    found = material(*executions)

    assert [id_ for id_, _ in page_of(found).sections] == sections
    assert {id_ for id_ in EVERYTHING if f'<section id="{id_}"' in render(found)} == set(sections)


def test_a_failed_run_shows_its_failure_before_anything_else() -> None:
    text = render(material(stopped_at_the_raw_gate()))

    main = text[text.index("<main") :]
    assert main.index("Stopped by a data gate") < main.index('class="tiles') < main.index('id="steps"')
    assert "carrier ZZ is not known" in main
    assert "3,368 rows, 1 %" in main


def test_an_execution_under_way_is_rendered() -> None:
    execution = training()
    execution.document.update({"status": "Executing", "finished": None})  # type: ignore[attr-defined]
    execution.document["steps"][-1].update({"status": "Executing", "finished": None, "seconds": None})

    page = page_of(material(execution))

    assert page.seconds is None
    assert "still running" in render(material(execution))


def test_nothing_outside_the_page_is_referred_to() -> None:
    read = Reader(render(material(training(), deployment())))

    loading = [
        (tag, value) for tag, name, value in read.attributes if name in {"src", "srcset", "href", "action", "data", "poster"}
    ]
    assert loading
    assert [found for found in loading if not found[1].startswith(("#", "data:"))] == []
    assert not {"iframe", "object", "embed", "base"} & set(read.tags)


def test_a_policy_forbids_what_the_page_does_not_need() -> None:
    policies = [value for tag, name, value in Reader(render(material(training()))).attributes if "default-src" in value]

    assert len(policies) == 1
    assert policies[0].startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'unsafe-inline'")


def test_links_within_the_page_lead_somewhere_and_ids_are_unique() -> None:
    read = Reader(render(material(training(), deployment())))

    wanted = {value[1:] for _, name, value in read.attributes if name == "href" and value.startswith("#")}
    assert wanted <= set(read.ids)
    assert len(read.ids) == len(set(read.ids))


def test_what_comes_from_data_cannot_become_markup() -> None:
    execution = stopped_at_the_raw_gate(**{HOSTILE: HOSTILE})
    execution.document["error"]["message"] = HOSTILE
    execution.document["steps"][0].update({"name": HOSTILE, "cache_miss_reason": HOSTILE, "log_stream": HOSTILE})
    execution.values["collection"]["sources"][0]["name"] = HOSTILE
    clean = Reader(render(material(stopped_at_the_raw_gate(a="b"))))

    text = render(material(execution))
    read = Reader(text)

    assert "alert(" in text
    assert "<script>alert" not in text
    assert read.tags.count("script") == clean.tags.count("script") == 1
    assert "img" not in read.tags
    assert not [name for _, name, _ in read.attributes if name.startswith("on")]


def test_hostile_columns_and_figures_cannot_become_markup() -> None:
    execution = training()
    column = execution.values["profile"]["columns"][0]
    column["name"] = column["bins"][0]["label"] = execution.values["evaluation"]["slices"][0]["value"] = HOSTILE
    execution.figures["figures"][HOSTILE] = '<svg onload="alert(3)"><script>alert(4)</script></svg>'  # type: ignore[index]

    text = render(material(execution))

    assert "<script>alert" not in text
    assert not [name for _, name, _ in Reader(text).attributes if name.startswith("on")]


def test_the_same_run_gives_the_same_page() -> None:
    assert render(material(training(), deployment())) == render(material(training(), deployment()))

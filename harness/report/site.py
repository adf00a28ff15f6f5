"""The report's pages: an overview, one page per paper, method and run, the audit, and the explorer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from harness.analysis.claims import sides
from harness.analysis.coverage import REPRODUCTIONS
from harness.analysis.verdicts import SuiteVerdict
from harness.audit.consistency import CONSISTENCIES
from harness.audit.finding import Finding
from harness.audit.present import render_audit_section
from harness.report import curves
from harness.report.causes.html import rendered
from harness.report.causes.page import pictures, text
from harness.report.causes.study import ELSEWHERE, Study, is_study
from harness.report.declared import declared_figures
from harness.report.explorer import NUMBERS, TRIALS, number_rows, script, trial_rows, unplanned
from harness.report.figure_view import declared_view, view
from harness.report.links import AUDIT, EXPLORER, INDEX, Records, causes_page, explorer, paper_page, run_page
from harness.report.methods import method_views
from harness.report.printed import HEADER, Printed, coverage_rows, summary_lines
from harness.report.provenance import environment_lines
from harness.report.tables import Tables, claims
from harness.report.views import (
    BASELINE_COLUMNS,
    HYPOTHESIS_COLUMNS,
    NOTHING,
    baseline_texts,
    coverage,
    failure_line,
    heading,
    hypothesis_texts,
    profile_mark,
    search_columns,
    search_texts,
)
from harness.suite.schema import Paper

View = dict[str, Any]
FACETS = dict.fromkeys(REPRODUCTIONS, "reproduction") | dict.fromkeys(CONSISTENCIES, "consistency")


class Site:
    """Makes the pages; every text of suites and records is escaped."""

    def __init__(self, verdicts: Sequence[SuiteVerdict], printed: Printed, records: Records) -> None:
        self.verdicts, self.printed, self.records = verdicts, printed, records
        self.every = [*verdicts, *(v for v in printed.verdicts if not any(v is one for one in verdicts))]
        self.runs = [v for v in verdicts if v.evidence.outcomes or v.evidence.rejected]
        self.studies = [(v, Study(v)) for v in self.runs if is_study(v)]
        used = {mark.finding for mark in printed.marks.values()}
        shown = [finding for finding in printed.findings if finding.severity != "info" or finding in used]
        self.findings: dict[Finding, str] = {finding: f"finding-{index}" for index, finding in enumerate(shown)}
        self.papers = _papers(printed.verdicts)
        suites = {verdict.loaded.suite.suite for verdict in self.every}
        self.planned = {trial for verdict in self.every for trial in verdict.evidence.trials}
        self.others = unplanned(records, suites, self.planned)
        loader = PackageLoader("harness.report", "templates")
        self.environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
        self.environment.filters["script"] = _script
        self.environment.globals |= {"papers": self._paper_links(self.papers), "nothing": NOTHING}

    def pages(self) -> Iterator[tuple[str, str]]:
        """Yield the names and contents of all text files of the site."""
        methods = method_views(self.every)
        yield from self._page(INDEX, "index", self._overview(methods))
        for paper, about in self.papers.items():
            yield from self._page(paper_page(paper), "paper", self._paper(paper, about))
        for verdict in self.runs:
            yield from self._page(run_page(verdict), "run", self._run(verdict))
        for method in methods:
            yield from self._page(method["page"], "method", {"method": method, **method["view"]()})
        yield from self._page(AUDIT, "audit", {"audit": self._audit()})
        for verdict, study in self.studies:
            page = causes_page(verdict)
            body = rendered(text(study, page.removesuffix(".html"), self._elsewhere(verdict)))
            yield from self._page(page, "causes", {"heading": heading(verdict), "body": body, "run": run_page(verdict)})
        yield from self._explorer()

    def _elsewhere(self, verdict: SuiteVerdict) -> SuiteVerdict | None:
        """Return the runs that repeat a design on another space, under the same profile."""
        alike = (v for v in self.runs if v.profile_name == verdict.profile_name)
        return next((v for v in alike if v.loaded.suite.suite == ELSEWHERE), None)

    def pictures(self) -> Iterator[tuple[str, bytes]]:
        """Yield the names and contents of pictures that pages show."""
        for verdict, study in self.studies:
            yield from pictures(study, causes_page(verdict).removesuffix(".html")).items()

    def shown_trials(self) -> Iterator[str]:
        """Yield the ids of all trials that the explorer has."""
        yield from self.planned
        yield from (row["id"] for row in self.others)

    def _page(self, name: str, template: str, shown: View) -> Iterator[tuple[str, str]]:
        """Yield a page, and the data of its figures."""
        figures = [shown[key] for key in ("story",) if shown.get(key)]
        figures += [figure for key in ("own_figures", "figures") for figure in shown.get(key, ())]
        if any(panel["curves"] for figure in figures for panel in figure["panels"]):
            shown = shown | {"curves": True}
        yield name, self.environment.get_template(f"{template}.html").render(shown) + "\n"
        yield from ((f"figures/{figure['name']}.csv", figure["csv"]) for figure in figures if figure["csv"])

    def _overview(self, methods: Sequence[View]) -> View:
        listed = self.printed.listed
        header, *rows = coverage_rows(listed) or [()]
        telling = sorted(self.runs, key=lambda verdict: -verdict.done)
        story = next(filter(None, map(curves.collapse_figure, telling)), None)
        return {
            "runs": [self._run_line(verdict) for verdict in self.runs],
            "studies": [(causes_page(verdict), heading(verdict)) for verdict, _ in self.studies],
            "first_command": f"python -m harness run {self.every[0].loaded.path.as_posix()}" if self.every else "",
            "story": view(story) if story else None,
            "environment": environment_lines(self.verdicts),
            "summary": summary_lines(listed),
            "rest": self.printed.rest,
            "coverage": {"header": header, "rows": [self._coverage(row) for row in rows]},
            "methods": methods,
        }

    def _run_line(self, verdict: SuiteVerdict) -> View:
        return {
            "page": run_page(verdict),
            "heading": heading(verdict),
            "coverage": coverage(verdict),
            "counts": verdict.counts(),
        }

    def _coverage(self, row: tuple[str, ...]) -> View:
        """Link each count of a paper to its numbers."""
        name, *counts = row
        of_paper = {} if name not in self.papers else {"paper": name}
        facets = [{FACETS[word]: word} if word in FACETS else {} for word in HEADER[1:]]
        targets = [explorer("numbers", **of_paper, **facet) for facet in facets]
        page = paper_page(name) if name in self.papers else None
        return {"name": name, "page": page, "counts": list(zip(counts, targets, strict=True))}

    def _paper(self, paper: str, about: Paper) -> View:
        tables, listed = self._tables(), [entry for entry in self.printed.listed if entry.paper == paper]
        of_paper = [verdict for verdict in self.printed.verdicts if paper in _papers([verdict])]
        return {
            "paper": about,
            "notes": list(dict.fromkeys(note for verdict in of_paper for note in verdict.notes)),
            "summary": summary_lines(listed),
            "explorer": explorer("numbers", paper=paper),
            "tables": [
                tables.table(verdict, table)
                for verdict in self.printed.verdicts
                for table in verdict.tables
                if table.table.paper == paper
            ],
            "shown_claims": [
                claim
                for verdict in self.printed.verdicts
                for claim in claims(verdict, [c for c in verdict.claims if _paper_of(verdict, sides(c.claim)) == paper])
            ],
            "figures": [figure for verdict in self.printed.verdicts for figure in self._declared(verdict, paper)],
        }

    def _run(self, verdict: SuiteVerdict) -> View:
        """Show a suite under a profile; what a paper's page shows of it is left to that page."""
        there = any(verdict is one for one in self.printed.verdicts)
        tables, drawn = self._tables(settings=False), [curves.accuracy_figure(verdict), curves.weight_figure(verdict)]
        return {
            "heading": heading(verdict),
            "mark": profile_mark(verdict),
            "coverage": coverage(verdict),
            "notes": verdict.notes,
            "explorer": explorer("trials", q=f"{verdict.loaded.suite.suite}:", profile=verdict.profile_name),
            "on_papers": self._paper_links(_papers([verdict])) if there else [],
            "tables": [] if there else [tables.table(verdict, table) for table in verdict.tables],
            "shown_claims": [] if there else claims(verdict, verdict.claims),
            "hypothesis_columns": HYPOTHESIS_COLUMNS,
            "hypotheses": [(item, hypothesis_texts(item)) for item in verdict.hypotheses],
            "causes": causes_page(verdict) if any(verdict is one for one, _ in self.studies) else None,
            "searches": search_texts(verdict),
            "search_columns": search_columns(verdict),
            "baseline_columns": BASELINE_COLUMNS,
            "baselines": [
                {"texts": baseline_texts(b), "verdict": b.verdict, "reason": b.reason} for b in verdict.baselines
            ],
            "failed": [failure_line(outcome) for outcome in verdict.failed],
            "own_figures": [view(figure) for figure in drawn if figure is not None],
            "figures": [] if there else list(self._declared(verdict)),
        }

    def _declared(self, verdict: SuiteVerdict, paper: str | None = None) -> Iterator[View]:
        for figure in declared_figures(verdict, self.printed.majorities):
            if paper in (None, verdict.loaded.suite.figures[figure.key].paper):
                yield declared_view(figure)

    def _audit(self) -> list[View]:
        """Return the findings by rule: what raises doubts, and apart from it what only explains a mark."""
        sections = []
        for section in render_audit_section(list(self.findings)):
            rows = [(self.findings[f], *texts) for f, texts in zip(section.findings, section.rows, strict=True)]
            grave = [row for row in rows if row[1] != "info"]
            said = [row for row in rows if row[1] == "info"]
            sections.append({"rule": section.rule, "title": section.title, "grave": grave, "said": said})
        return sections

    def _explorer(self) -> Iterator[tuple[str, str]]:
        tables = self._tables()
        numbers = number_rows(self.printed, self.records, tables)
        trials = trial_rows(self.every, self.records, self.others)
        yield from self._page(EXPLORER, "explorer", {"numbers": f"{len(numbers):,}", "trials": f"{len(trials):,}"})
        yield "data/numbers.js", script("numbers", "Printed numbers", NUMBERS, numbers)
        yield "data/trials.js", script("trials", "Trials", TRIALS, trials)

    def _tables(self, settings: bool = True) -> Tables:
        return Tables(self.printed, self.records, self.findings, settings)

    def _paper_links(self, papers: Mapping[str, Paper]) -> list[View]:
        return [
            {"key": key, "title": about.title, "authors": about.authors, "page": paper_page(key)}
            for key, about in papers.items()
        ]


def _papers(verdicts: Iterable[SuiteVerdict]) -> dict[str, Paper]:
    """Return the papers that tables are of, by key."""
    return {
        table.table.paper: verdict.loaded.suite.papers[table.table.paper]
        for verdict in verdicts
        for table in verdict.tables
    }


def _paper_of(verdict: SuiteVerdict, rows: Sequence[str]) -> str:
    return verdict.loaded.suite.tables[rows[0].partition("/")[0]].paper


def _script(text: str) -> Markup:
    """Let JSON stand in a page: no text in it can end its element."""
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))

"""Commands and options: parse, call one function, exit with its code.

0: done, in band; 1: out of band, or a trial failed; 2: wrong usage or input; 3: incomplete; 70: a defect of the
program; 130: interrupted.
Results go to stdout, everything else to stderr. Heavy modules are imported inside the commands that need them.
"""

from __future__ import annotations

import errno
import sys
import traceback
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from harness.cli.streams import reopen, to_nowhere
from harness.cli.text import speak_utf8
from harness.errors import HarnessError

EXAMPLES = """
Examples:

  python -m harness validate

  python -m harness run suites/nb201.yaml --dry-run

  python -m harness run suites/nb201.yaml -m darts-v1 --seeds 0-1 --set epochs=3

  python -m harness check suites/nb201.yaml
"""


DEFECT = 70  # as sysexits.h has it: never taken for a verdict
BROKEN_PIPE = 141  # as a shell has it
OUTPUT = (errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EIO)


class Commands(TyperGroup):
    """Turns the user's mistakes into one line and exit code 2, Ctrl-C into 130, and what nobody foresaw into 70."""

    def invoke(self, ctx: Any) -> Any:
        """Run the chosen command."""
        try:
            answer = super().invoke(ctx)
            sys.stdout.flush()  # a full disk is to be said here, and not when Python ends
            return answer
        except HarnessError as error:
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(2) from error
        except KeyboardInterrupt as error:
            typer.echo("interrupted", err=True)
            raise typer.Exit(130) from error
        except Exception as error:
            if isinstance(error, typer.Abort) or hasattr(error, "exit_code"):  # typer's own
                raise
            if isinstance(error, OSError) and error.filename is not None:
                typer.echo(f"error: {error.filename}: {error.strerror}", err=True)
                raise typer.Exit(2) from error
            if isinstance(error, OSError) and error.errno in OUTPUT:  # stdout's: files have names
                to_nowhere(1)  # what is buffered would fail again when Python ends
                if isinstance(error, BrokenPipeError):  # who reads has enough
                    raise typer.Exit(BROKEN_PIPE) from error
                typer.echo(f"error: output: {error.strerror}", err=True)
                raise typer.Exit(2) from error
            traceback.print_exc()
            raise typer.Exit(DEFECT) from error


class ProfileOption(StrEnum):
    """Values of ``--profile``."""

    paper = "paper"
    reduced = "reduced"


class DeviceOption(StrEnum):
    """Values of ``--device``."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


class LogOption(StrEnum):
    """Values of ``run --log``."""

    tensorboard = "tensorboard"


class LayoutOption(StrEnum):
    """Values of ``--format``: for people, or for programs."""

    text = "text"
    json = "json"
    csv = "csv"


class PublishedLayoutOption(StrEnum):
    """Values of ``published --format``."""

    csv = "csv"
    json = "json"
    md = "md"


class ExportOption(StrEnum):
    """Values of ``export --to``."""

    csv = "csv"
    latex = "latex"
    parquet = "parquet"


class Listing(StrEnum):
    """What can be listed."""

    suites = "suites"
    methods = "methods"
    spaces = "spaces"
    datasets = "datasets"
    benchmarks = "benchmarks"
    trials = "trials"


class SeverityOption(StrEnum):
    """Values of ``audit --severity``."""

    info = "info"
    warning = "warning"
    error = "error"


class StemOption(StrEnum):
    """Values of ``count --stem``."""

    cifar = "cifar"
    imagenet = "imagenet"


app = typer.Typer(
    cls=Commands,
    help="Published numbers of differentiable architecture search, measured anew and judged.",
    epilog=EXAMPLES,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
new_app = typer.Typer(cls=Commands, help="Begin something: a suite.", rich_markup_mode=None, no_args_is_help=True)
app.add_typer(new_app, name="new")
data_app = typer.Typer(cls=Commands, help="Data at hand, import and download; alone: status.", rich_markup_mode=None)
app.add_typer(data_app, name="data", invoke_without_command=True)

Suites = Annotated[
    list[str], typer.Argument(metavar="SUITE...", help="Suite files, folders or globs, or names of shipped suites.")
]
SomeSuites = Annotated[
    list[str] | None, typer.Argument(metavar="[SUITE...]", help="Suite files, folders or globs. [default: suites]")
]
Profile = Annotated[ProfileOption | None, typer.Option(help="How large. [default: all that have records]")]
Methods = Annotated[list[str] | None, typer.Option("--method", "-m", help="Only this method; repeatable.")]
Tables = Annotated[list[str] | None, typer.Option("--table", "-t", help="Only this table; repeatable.")]
Datasets = Annotated[list[str] | None, typer.Option("--dataset", "-d", help="Only this dataset; repeatable.")]
Seeds = Annotated[str | None, typer.Option(help="Only these seeds: 0-4 or 0,2,5.")]
Set = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a search setting; repeatable.")
]


def folder(text: str) -> Path:
    """Read the name of a folder; an empty one is a variable of the shell that was not set."""
    if not text:
        raise typer.BadParameter("is empty")
    return Path(text)


Results = Annotated[Path, typer.Option(help="Folder of the records.", parser=folder, metavar="PATH")]
Layout = Annotated[LayoutOption, typer.Option("--format", help="How to write it.")]
TEXT = LayoutOption.text
# Options of `run` alone.
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs", "-j", min=0, help="Trials at once; 0: in this process. [default: one per CPU core; 1 on a GPU]"
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(min=1, help="CPU threads of each trial. [default: OMP_NUM_THREADS, else its share of the cores]"),
]
First = Annotated[bool, typer.Option("--first", help="Only what the suites list under first, in that order.")]
Budget = Annotated[
    str | None, typer.Option(metavar="TIME", help="End before so long, such as 2h45m, after an epoch; code 3.")
]
UntilDecided = Annotated[
    bool, typer.Option("--until-decided", help="Add seeds to the claims that are open, and to nothing else.")
]
MaxSeeds = Annotated[
    int | None, typer.Option("--max-seeds", min=1, help="Seeds a side at most. [default: those of the last look]")
]
Shard = Annotated[
    str | None, typer.Option(metavar="I/N", help="Only this part of the plan, such as 1/4; all parts are the plan.")
]
Cluster = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS|FILE", help="Let the workers of a Dask scheduler do the trials: tcp://HOST:PORT."),
]
RESULTS = Path("results")


def main() -> None:
    """Run the command line."""
    reopen()
    speak_utf8()
    app(prog_name="harness")


@app.callback(invoke_without_command=True)
def root(
    ctx: typer.Context, version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False
) -> None:
    """Published numbers of differentiable architecture search, measured anew and judged."""
    if version:
        from harness.runner.environment import version as installed

        typer.echo(f"harness {installed()}")
        raise typer.Exit
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


@app.command()
def run(
    suites: Suites,
    profile: Annotated[ProfileOption, typer.Option(help="How large.")] = ProfileOption.reduced,
    method: Methods = None,
    table: Tables = None,
    dataset: Datasets = None,
    seeds: Seeds = None,
    jobs: Jobs = None,
    threads: Threads = None,
    device: Annotated[DeviceOption, typer.Option(help="Where to search.")] = DeviceOption.auto,
    results: Results = RESULTS,
    overrides: Set = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Run anew what is done already.")] = False,
    first: First = False,
    nice: Annotated[int, typer.Option(min=0, max=19, help="Step back: the niceness of the workers.")] = 0,
    budget: Budget = None,
    until_decided: UntilDecided = False,
    max_seeds: MaxSeeds = None,
    shard: Shard = None,
    cluster: Cluster = None,
    log: Annotated[LogOption | None, typer.Option(help="Also write event files, beside the records.")] = None,
    layout: Layout = TEXT,
) -> None:
    """Run the trials that are missing.

    The same command again goes on where it stopped. A file named pause in the results' folder holds the work, as
    Ctrl-Z does.
    """
    from harness.api.request import Request
    from harness.api.running import RunRequest
    from harness.cli.run import dry_run_suites, run_suites

    request = Request.read(suites, profile, method, table, dataset, seeds, overrides, results)
    if max_seeds is not None and not until_decided:
        raise HarnessError(f"--max-seeds {max_seeds}: only with --until-decided")
    if shard is not None and until_decided:
        raise HarnessError(f"--shard {shard}: --until-decided looks at all seeds, whoever runs them; run it without")
    asked = RunRequest(
        request, jobs, device.value, force, first, threads, nice, budget, None, shard, cluster, log and log.value
    )
    if until_decided:
        from harness.cli.decide import decide_suites  # and with it the analysis, which no run needs

        raise typer.Exit(decide_suites(asked, max_seeds, layout.value, dry_run=dry_run))
    raise typer.Exit(dry_run_suites(asked, layout.value) if dry_run else run_suites(asked, layout.value))


@app.command()
def merge(
    folders: Annotated[list[Path], typer.Argument(metavar="FOLDER...", help="Folders of records.")],
    results: Results = RESULTS,
) -> None:
    """Bring the records of several folders into one.

    Records of one trial may differ in time and machine alone. Nothing is written where something is wrong.
    """
    from harness.cli.merge import merge_folders

    raise typer.Exit(merge_folders(folders, results))


@app.command()
def check(
    suites: SomeSuites = None,
    profile: Profile = None,
    method: Methods = None,
    table: Tables = None,
    dataset: Datasets = None,
    seeds: Seeds = None,
    results: Results = RESULTS,
    overrides: Set = None,
    layout: Layout = TEXT,
    record_baseline: Annotated[
        bool, typer.Option("--record-baseline", help="Store this state as the baseline of later checks.")
    ] = False,
) -> None:
    """Judge the records; the exit code is the verdict.

    0: no FAIL (DRIFT and UNDECIDED are none); 1: FAIL, or a trial failed; 3: incomplete.
    """
    from harness.api.request import Request
    from harness.cli.judge import check_suites

    request = Request.read(suites, profile, method, table, dataset, seeds, overrides, results)
    raise typer.Exit(check_suites(request, layout.value, record=record_baseline))


@app.command()
def report(
    suites: SomeSuites = None,
    profile: Profile = None,
    method: Methods = None,
    table: Tables = None,
    dataset: Datasets = None,
    seeds: Seeds = None,
    results: Results = RESULTS,
    overrides: Set = None,
    out: Annotated[Path, typer.Option(help="Folder of the report.", parser=folder, metavar="PATH")] = Path("reports"),
) -> None:
    """Write verdicts, tables and figures.

    As a small site that needs nothing else: index.html is its first page.
    """
    from harness.api.request import Request
    from harness.cli.judge import report_suites

    request = Request.read(suites, profile, method, table, dataset, seeds, overrides, results)
    raise typer.Exit(report_suites(request, out))


@app.command()
def published(
    suites: SomeSuites = None,
    results: Results = RESULTS,
    layout: Annotated[
        PublishedLayoutOption, typer.Option("--format", help="How to write them.")
    ] = PublishedLayoutOption.csv,
) -> None:
    """List every printed number: its source, its status, what came out."""
    from harness.api.request import Request
    from harness.cli.published import list_published

    request = Request.read(suites, "paper", None, None, None, None, None, results)
    raise typer.Exit(list_published(request, layout.value))


@app.command("export")
def export_(
    what: Annotated[str, typer.Argument(metavar="WHAT", help="[SUITE/]TABLE, or verdicts, results, published.")],
    suites: SomeSuites = None,
    to: Annotated[ExportOption, typer.Option(help="Format; latex: a table as its paper prints it.")] = ExportOption.csv,
    profile: Profile = None,
    results: Results = RESULTS,
    out: Annotated[Path | None, typer.Option(help="File to write. [default: stdout]")] = None,
) -> None:
    """Write a table, with what was measured beside what is printed, for a manuscript or an analysis."""
    from harness.api.request import Request
    from harness.cli.export import export

    request = Request.read(suites, profile, None, None, None, None, None, results)
    raise typer.Exit(export(request, what, to.value, out))


@app.command("diff")
def diff_(
    a: Annotated[Path, typer.Argument(metavar="A", help="A folder of records.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="Another one.")],
    layout: Layout = TEXT,
) -> None:
    """Compare two folders of records.

    Trial by trial and by method; 0: all are equal, 1: they are not. When and how long they ran is not compared.
    """
    from harness.cli.diff import diff

    raise typer.Exit(diff(a, b, layout.value))


@app.command()
def audit(
    suites: SomeSuites = None,
    severity: Annotated[SeverityOption, typer.Option(help="Show this and graver.")] = SeverityOption.warning,
    layout: Layout = TEXT,
    record: Annotated[
        bool, typer.Option("--record", help="Store the findings, for check, report and published.")
    ] = False,
    results: Results = RESULTS,
) -> None:
    """Test published numbers for internal truth.

    Findings are information: they do not change the exit code. 3: rules were skipped for want of the table.
    """
    from harness.cli.audit import audit_suites

    raise typer.Exit(audit_suites(suites, severity.value, layout.value, results if record else None))


@app.command()
def validate(suites: SomeSuites = None, layout: Layout = TEXT) -> None:
    """Check suites, and every search they lead to."""
    from harness.cli.inspect import validate_suites

    raise typer.Exit(validate_suites(suites, layout.value))


@app.command("list")
def list_(
    what: Annotated[Listing | None, typer.Argument(help="What to list. [default: all but trials]")] = None,
    results: Results = RESULTS,
    layout: Layout = TEXT,
) -> None:
    """List what there is."""
    from harness.cli.inspect import list_all, list_one

    raise typer.Exit(list_all(layout.value) if what is None else list_one(what.value, results, layout.value))


@app.command()
def show(
    what: Annotated[
        str,
        typer.Argument(
            metavar="TRIAL|ROW", help="The beginning of a trial's id, a record's path, or a row: [SUITE/]TABLE/ROW."
        ),
    ],
    results: Results = RESULTS,
    layout: Layout = TEXT,
) -> None:
    """Show one record, epoch by epoch or over its runs, or the settings of a row.

    Of a row: what it runs under the paper profile, setting by setting, each with its source.
    """
    from harness.cli.rows import show_row
    from harness.cli.show import show_trial

    is_row = "/" in what and not what.endswith(".json")
    raise typer.Exit(show_row(what, layout.value) if is_row else show_trial(what, results, layout.value))


@app.command()
def count(
    cell: Annotated[
        str | None,
        typer.Argument(metavar="CELL", help="An architecture, or the name of a published cell. [default: all cells]"),
    ] = None,
    space: Annotated[str | None, typer.Option(help="Its space. [default: the one that reads it]")] = None,
    cells: Annotated[int | None, typer.Option(help="Cells of the network. [default: as published]")] = None,
    channels: Annotated[int | None, typer.Option(help="Channels of the first cell. [default: as published]")] = None,
    classes: Annotated[int | None, typer.Option(help="Classes. [default: 10; ImageNet: 1000]")] = None,
    image_size: Annotated[int | None, typer.Option(help="Side of the images. [default: 32; ImageNet: 224]")] = None,
    stem: Annotated[StemOption | None, typer.Option(help="Stem. [default: imagenet from 64 pixels on]")] = None,
    squeeze: Annotated[bool, typer.Option("--squeeze", help="With squeeze-and-excitation.")] = False,
    layout: Layout = TEXT,
) -> None:
    """Count an architecture's parameters and multiply-adds.

    Of any space, without building the network: 'python -m harness count darts-v2 --stem imagenet'.
    """
    from harness.cli.count import Asked, count
    from harness.cli.count_all import count_all

    if cell is None:
        if any(value is not None for value in (space, cells, channels, classes, image_size, stem, squeeze or None)):
            raise HarnessError("sizes and spaces are asked of one cell: name it")
        raise typer.Exit(count_all(layout.value))
    if layout.value == "csv":
        raise HarnessError("--format csv: only of all cells")
    asked = Asked(space, cells, channels, classes, image_size, stem.value if stem else None, squeeze)
    raise typer.Exit(count(cell, asked, layout.value))


@new_app.callback()
def new() -> None:
    """Begin something: a suite."""


@new_app.command("suite")
def new_suite(
    name: Annotated[str, typer.Argument(help="Its name.")],
    space: Annotated[str, typer.Option(help="What is searched: nb201 or darts.")] = "nb201",
    folder: Annotated[Path, typer.Option(help="Folder of the suite.")] = Path("suites"),
) -> None:
    """Write a suite to begin with: a method of its own beside DARTS, two claims, a figure."""
    from harness.cli.new import begin_suite

    raise typer.Exit(begin_suite(name, space, folder))


@data_app.callback()
def data(ctx: typer.Context) -> None:
    """Data at hand, import and download; alone: status."""
    if ctx.invoked_subcommand is None:
        data_status()


@data_app.command("status")
def data_status(layout: Layout = TEXT) -> None:
    """Show which data is at hand, and where."""
    from harness.cli.data import status

    raise typer.Exit(status(layout.value))


@data_app.command("import")
def data_import(
    source: Annotated[
        Path, typer.Argument(help="NAS-Bench-201 .pth, NATS-Bench -simple folder, NAS-Bench-101 .tfrecord.")
    ],
    target: Annotated[Path | None, typer.Argument(help="Table to write. [default: in the data root]")] = None,
) -> None:
    """Build the look-up table from the official benchmark's file."""
    from harness.cli.data import import_table

    raise typer.Exit(import_table(source, target))


@data_app.command("download")
def data_download(name: Annotated[str, typer.Argument(help="Dataset.")]) -> None:
    """Fetch a dataset's official archive into the data root."""
    from harness.cli.data import download_dataset

    raise typer.Exit(download_dataset(name))

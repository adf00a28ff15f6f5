"""``harness count``."""

import json

import pytest
from typer.testing import CliRunner

from harness.cli.app import app
from harness.spaces.darts import encoding


def run(*arguments):
    result = CliRunner().invoke(app, ["count", *arguments])
    return result.exit_code, result.output


def as_json(*arguments):
    code, output = run(*arguments, "--format", "json")
    assert code == 0, output
    return json.loads(output)


def test_a_published_cell_as_text():
    code, output = run("darts-v2")
    assert code == 0
    assert "20 cells, 36 channels, 10 classes, 32 x 32 pixels, stem: cifar" in output
    assert "3,349,342" in output and "quark0/darts at f276dd346a09" in output


@pytest.mark.parametrize(
    ("arguments", "parameters"),
    [
        (["darts-v2", "--classes", "100"], 3_401_272),
        (["darts-v2", "--stem", "imagenet"], 4_718_752),
        (["darts-v2", "--image-size", "224"], 4_718_752),
        (["pc-darts-cifar"], 3_634_678),
        (["pc-darts-cifar", "--stem", "imagenet"], 5_270_560),
        # 8 x 192 x 48 + 10 x 384 x 48 + 2 x 768 x 96 more than the 5,715,040 that are printed
        (["stacnas-imagenet", "--stem", "imagenet", "--squeeze"], 6_120_544),
        (["dropnas-cifar10", "--stem", "imagenet", "--cells", "14", "--channels", "48"], 5_433_280),
    ],
)
def test_sizes(arguments, parameters):
    assert as_json(*arguments)["parameters"] == parameters


def test_an_architecture_of_another_space():
    cell = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|"
    found = as_json(cell)
    assert (found["space"], found["parameters"], found["multiply_adds"]) == ("nb201", 1_531_546, 220_119_690)
    code, output = run(cell, "--stem", "imagenet")
    assert code == 2 and "'nb201' has no networks with the stem 'imagenet'" in output


def test_an_architecture_in_both_notations():
    named = as_json("sdarts-rs-cifar10-s2")
    assert as_json(named["architecture"]) == named | {"source": None}
    genotype = encoding.to_genotype(encoding.parse(named["architecture"]))
    assert genotype.startswith("Genotype(normal=[(")
    assert as_json(genotype)["parameters"] == named["parameters"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["dartsv2"], "no published cell is called 'dartsv2'; did you mean 'darts-v2'"),
        (["normal |skip~0|none~1| reduce |none~0|none~1|"], "darts: normal cell: node 2: unknown operation 'skip'"),
        (["darts-v2", "--space", "dart"], "unknown space 'dart'; did you mean 'darts'"),
        (["darts-v2", "--image-size", "30"], "images of 30 pixels"),
        (["darts-v2", "--cells", "0"], "--cells 0: must be at least 1"),
        (["darts-v2", "--image-size", "0"], "--image-size 0: must be at least 1"),
        (["|none~0|+|none~0|none~1|+|none~0|none~1|none~2|", "--squeeze"], "'nb201' have no squeeze-and-excitation"),
    ],
)
def test_mistakes_are_one_line(arguments, message):
    code, output = run(*arguments)
    assert code == 2 and message in output and output.count("\n") == 1


def test_all_cells_beside_what_is_printed_of_them():
    code, output = run("--format", "json")
    found = {(line["cell"], line["network"]): line for line in json.loads(output)}
    assert code == 0 and len({cell for cell, _ in found}) == 193
    imagenet = found["stacnas-imagenet", "14 x 48, 1000 classes"]
    assert imagenet["parameters"] == 5_715_040
    assert imagenet["prints"].count("5.7 M, ours 5.715: consistent") == 2
    drawn = found["stacnas-cifar10", "20 x 36, 10 classes"]
    assert "3.9 M, ours 3.714: unexplained" in drawn["prints"] and drawn["source"].endswith(".png")
    assert ("stacnas-cifar100", "20 x 36, 100 classes") in found and ("darts-v2", "20 x 36, 100 classes") not in found


def test_all_cells_for_people_and_for_tables():
    code, text = run()
    assert code == 0 and len(text.splitlines()) > 193 and "3,349,342" in text
    code, table = run("--format", "csv")
    assert code == 0 and table.startswith("cell,network,parameters,multiply_adds,prints,source\n")


@pytest.mark.parametrize("arguments", [["--space", "darts"], ["--squeeze"], ["darts-v2", "--format", "csv"]])
def test_what_is_asked_of_one_cell_or_of_all(arguments):
    code, output = run(*arguments)
    assert code == 2 and output.count("\n") == 1

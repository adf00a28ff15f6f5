"""The notation of cells, and public code's genotypes."""

import pytest

from harness.errors import HarnessError
from harness.spaces.darts import encoding

V2 = (
    "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), "
    "('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), ('dil_conv_3x3', 2)], normal_concat=[2, 3, 4, 5], "
    "reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 1), ('max_pool_3x3', 0), "
    "('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)], reduce_concat=range(2, 6))"
)
OURS = (
    "normal |sep_conv_3x3~0|sep_conv_3x3~1|+|sep_conv_3x3~0|sep_conv_3x3~1|+|skip_connect~0|sep_conv_3x3~1|"
    "+|skip_connect~0|dil_conv_3x3~2| reduce |max_pool_3x3~0|max_pool_3x3~1|+|max_pool_3x3~1|skip_connect~2|"
    "+|max_pool_3x3~0|skip_connect~2|+|max_pool_3x3~1|skip_connect~2|"
)


def test_a_published_genotype_in_our_notation_and_back():
    assert encoding.to_string(encoding.parse(V2)) == OURS
    assert encoding.parse(OURS) == encoding.parse(V2)
    assert encoding.parse(encoding.to_genotype(encoding.parse(OURS))) == encoding.parse(OURS)
    assert encoding.to_genotype(encoding.parse(OURS)).startswith("Genotype(normal=[('sep_conv_3x3', 0), ")


def test_cells_that_return_some_nodes():
    node = [["skip_connect", 0], ["avg_pool_3x3", 0]]
    values = {"normal": node * 3, "normal_concat": [2, 3, 4], "reduce": node * 5, "reduce_concat": [4, 5, 6]}
    text = encoding.to_string(encoding.from_lists(values))
    assert text.count("reduce[4,5,6] |") == 1 and "normal |" in text
    assert encoding.parse(text)["reduce"].returned == (4, 5, 6)
    assert len(encoding.parse(text)["reduce"].nodes) == 5 and len(encoding.parse(text)["normal"].nodes) == 3


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("dil_conv_3x3~2", "dil_conv_3x4~2", "normal cell: node 5: unknown operation 'dil_conv_3x4'.*dil_conv_3x3"),
        ("dil_conv_3x3~2", "dil_conv_3x3~5", "normal cell: node 5 cannot read source 5; it is one of 0 to 4"),
        ("dil_conv_3x3~2", "dil_conv_3x3", "normal cell: group .* must hold terms"),
        ("|skip_connect~0|dil", "|dil", "normal cell: node 5 has 1 terms, expected 2"),
        ("reduce |", "reduce |skip_connect~0|skip_connect~1|", "reduce cell: node 2 has 4 terms"),
        ("reduce", "reduce[2,9]", r"reduce cell: returns \[2, 9\], expected sources out of 0 to 5"),
        ("reduce", "reduce[2,2]", r"reduce cell: returns \[2, 2\]"),
        ("reduce", "reduce(2)", "reduce cell: expected the nodes that it returns"),
        ("reduce |", "|", "expected 'normal"),
    ],
)
def test_what_is_no_architecture_is_said_where(old, new, message):
    with pytest.raises(HarnessError, match=message):
        encoding.parse(OURS.replace(old, new, 1))


@pytest.mark.parametrize(
    "text",
    [
        "Genotype(normal=[('skip_connect', 0)])",
        "Genotype([], [])",
        "Genotype(normal=__import__('os').getcwd(), normal_concat=[], reduce=[], reduce_concat=[])",
        "Genotype(normal=[(",
        V2.replace("range(2, 6)", "range('a')"),
        V2.replace("('skip_connect', 2)", "'skip_connect'"),
    ],
)
def test_what_is_no_genotype_is_refused_and_never_run(text):
    with pytest.raises(HarnessError, match="genotype"):
        encoding.parse(text)

# %% [markdown]
# # A search in a notebook
#
# This page is a notebook as text: `jupytext --to notebook docs/example.py` makes one of it. It needs no data: the
# searches run on scikit-learn's digits, which shows the machinery and supports no claim. With CIFAR-10 and the
# NAS-Bench-201 table in the folder that `HARNESS_DATA` names, say `dataset="cifar10"`, and `found.accuracy` is the
# table's word on what was found.

# %%
import tempfile
from pathlib import Path

import harness

# %% [markdown]
# ## One search
#
# The settings are those of a row of the shipped suites (`found.row`); `harness show` prints each with its source.

# %%
found = harness.search("single-darts", space="nb201", dataset="digits", seed=0, profile="reduced")
print(found.row)
print(found.architecture)

# %% [markdown]
# Its trajectory is a table: one row an epoch, from before training on. The weight of an operation is its mean over
# the edges of the cell.

# %%
print(found.trajectory[["weight_loss", "weight_accuracy", "cell/skip_connect", "cell/nor_conv_3x3"]].round(3))

# %% [markdown]
# ## Two methods, some seeds, kept as records
#
# `harness.run` does what is missing of a suite, here of the shipped one named `nb201`; the same call again does
# nothing. Every trial leaves a record.

# %%
results = Path(tempfile.mkdtemp(prefix="example-"))
chosen = {"method": ["darts-v1", "single-darts"], "table": "single-darts-t1", "dataset": "digits", "seeds": "0"}
smaller = {"epochs": 2, "training.epochs": 2}
summary = harness.run("nb201", **chosen, settings=smaller, results=results, jobs=0, quiet=True)
print(summary.counts)

# %%
known = harness.records(results)
print(known[["kind", "method", "seed", "accuracy", "epochs"]].sort_values(["method", "kind"]))

# %% [markdown]
# ## What the papers print
#
# One row a printed number: `reproduction` is what our records say of it, `consistency` what other numbers do.

# %%
numbers = harness.verdicts("nb201")
print(numbers.groupby(["paper", "reproduction"]).size().unstack(fill_value=0))

# %% [markdown]
# ## Mistakes
#
# A mistake is one line that names what is near.

# %%
try:
    harness.search("single-dart", dataset="digits")
except harness.HarnessError as error:
    print(error)

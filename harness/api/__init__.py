"""What Python code and the command line ask for alike: `harness.search`, `run`, `records`, `verdicts`, `benchmark`.

`harness` itself offers these functions; each module here is imported when it is first used.
"""

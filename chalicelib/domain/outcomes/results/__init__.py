"""Results of an experiment: from exact sums to verdict, checks, comparisons and series.

`measured` is what goes in, for both kinds of experiments; `results` what comes out. `testlab` makes
the first of cohorts, `upgrade` of snapshots; `judging`, `checks` and `series` each do a part, and
`evaluation` puts it together.
"""

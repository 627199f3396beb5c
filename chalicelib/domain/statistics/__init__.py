"""Statistics of the verdict page: exact sums in, a verdict with its sentence out.

Pure functions on frozen data: no clock, no randomness, no input or output. docs/statistics.md is
the method; docstrings cite its sections ("the method, section 3").

=============  ====================================================================
sums           exact sums of an arm (`Sums`, `RatioSums`); `DamagedSums`
estimates      sums of arms -> `ArmEstimate` -> `Contrast` (two arms, cells, strata, pairs)
sequences      the multiples of the standard error that decide, and their log p
plan           what is fixed at the start (`Plan`) -> the interval that decides
intervals      figures of one look: Welch, non-inferiority, Wilson; Fieller's lift
split_check    users per variant against the weights (sample ratio mismatch)
sufficiency    what lacks before a comparison is judged; who reports at all
decision       the decision table: `decide(situation) -> Verdict`
sentences      the texts of the table, and how numbers are written
power          units that an experiment needs, and the effect that it can find
horizon        days to a decision; the series by day
distributions  normal, t, chi-square, beta and gamma, with their tails
=============  ====================================================================

A metric is read in this order: `Sums` of each arm, `estimates.arm`, `estimates.two_arms` (or
another contrast), `plan.judge`, `sufficiency.lacks`; all metrics and the split check together
make a `decision.Situation`.
"""

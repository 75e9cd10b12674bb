"""datatrove's own blocks and Cuvée on the same pages, side by side, in the same run.

Every measurement is a fresh process that loads one side, warms up on pages held back for
that, then takes every other page once. Steps on English texts are measured twice in that
process, each half of the texts by a worker that is new but for the other half; so no
word is remembered from the page that is measured, and a worker that has read thousands
of pages meets fewer new words than here. The two sides take turns, in several rounds.
"""

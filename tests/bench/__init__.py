"""datatrove's own blocks and Cuvée on the same pages, side by side, in the same run.

Every measurement is a fresh process that loads one side, warms up on pages held back for
that, then takes every other page once. The two sides take turns, in several rounds.
"""

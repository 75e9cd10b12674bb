"""Inputs made by the thousand, guided by which lines of the code they reach."""

"""Inputs that lie elsewhere: what addresses stand for, and reading them in spite of the network."""

"""The three features of the comparison, once per library, each in a process of its own.

A worker loads the same orders (`.npz`), then answers commands on its standard input: so that the
libraries take turns in one run, each pinned to one core, and none shares memory with another.
"""

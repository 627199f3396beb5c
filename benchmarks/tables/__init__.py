"""The tables of docs/performance.md, one module each.

Each has `measure(quick)`, which returns what is to be written, and runs in a process of its own.
"""

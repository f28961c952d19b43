"""IGNITE's domain: scoring, selection, warm-up and agent rules, as pure code behind ports.

Installs and works alone (attrs and the standard library). Nothing here reads a clock, rolls dice,
logs or does I/O: `now` and seeds are arguments, and the outside world is a `Protocol` in a `ports.py`.
"""

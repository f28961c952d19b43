"""`python -m bench [--json] [WORD…]`: run the measurements whose name holds one of the words, or all."""

import argparse
import json
import sys
from collections.abc import Sequence

import attrs

from bench.cases import CASES
from bench.measure import Disagreement, measure, table


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit 0 when measured, whatever the figures; 1 if ours and a twin disagree; 2 for words that match nothing."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("words", nargs="*", metavar="WORD", help="measure only what has this in its name")
    parser.add_argument("--json", action="store_true", help="one JSON array on stdout")
    options = parser.parse_args(arguments)
    results = []
    for build in CASES:
        case = build()
        if options.words and not any(word.lower() in case.name.lower() for word in options.words):
            continue
        try:
            results.append(measure(case))
        except Disagreement as found:
            print(f"ours and its twin disagree: {found}", file=sys.stderr)
            return 1
    if not results:
        print("nothing has such a name", file=sys.stderr)
        return 2
    print(json.dumps([attrs.asdict(one) for one in results]) if options.json else table(results))
    return 0


sys.exit(main())

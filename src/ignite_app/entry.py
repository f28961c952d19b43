"""The `ignite` command's front door: says what is missing before anything heavy is imported."""

import os
import sys

READER_GONE = 141
"""As a shell shows the end of a command whose reader has left (SIGPIPE)."""


def main() -> None:
    """Run the command line; exits 2 naming the extra if the application's libraries are not installed."""
    try:
        raise SystemExit(_run())
    except KeyboardInterrupt:  # while the libraries are still being read
        raise SystemExit(130) from None
    except BrokenPipeError:  # `| head` has read enough; what is still buffered must not be complained about at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(READER_GONE) from None


def _run() -> int:
    try:
        import asyncssh  # noqa: F401  # stands for [adapters]
        import cyclopts  # noqa: F401  # stands for [app]
    except ModuleNotFoundError as missing:
        print(
            f"ignite: {missing.name} is not installed. The command needs ignite-platform's extra 'app'; "
            "in a checkout: pip install '.[app]'",
            file=sys.stderr,
        )
        return 2
    from ignite_app.cli.main import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    main()

"""The `ignite` command's front door: says what is missing before anything heavy is imported."""

import sys


def main() -> None:
    """Run the command line; exits 2 naming the extra if the application's libraries are not installed."""
    try:
        raise SystemExit(_run())
    except KeyboardInterrupt:  # while the libraries are still being read
        raise SystemExit(130) from None


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

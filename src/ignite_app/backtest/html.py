from ignite_app.backtest.run import Result


def page(result: Result) -> str:
    return ""

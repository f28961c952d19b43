"""`ignite backtest`: what governance would have decided about accounting files somebody already has."""

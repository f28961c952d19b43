"""Background jobs: each takes one step at a time and says how much it did."""

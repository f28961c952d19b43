"""Reading the MTA's accounting log, deciding, and wording the commands that act on the MTA."""

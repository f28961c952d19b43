"""The command line: parses, composes through the container, prints. Decides nothing."""

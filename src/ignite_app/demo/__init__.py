"""`ignite demo`: the whole loop on one machine, watched, told in plain lines, and checked against itself."""

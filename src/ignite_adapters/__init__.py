"""One folder per outside thing. A driver is imported nowhere else, and its errors stop here."""

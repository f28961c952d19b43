"""PowerMTA: accounting files, the console over SSH, the SMTP door."""

"""HTTP: one file per noun; handlers decode, call, return."""

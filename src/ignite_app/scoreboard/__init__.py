"""Policies against each other in fixed worlds: what is measured, and how sure it is."""

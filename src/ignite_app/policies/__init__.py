"""Which policy is in force, and what another one would have decided. What a policy may say is decided in `policy`."""

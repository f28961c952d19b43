"""The live feed to dashboards: one reader a process, any number of WebSocket clients."""

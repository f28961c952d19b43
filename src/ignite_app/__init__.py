"""The composition: settings, container, HTTP API, workers, command line, simulator."""

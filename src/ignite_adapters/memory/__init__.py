"""A twin in memory of every port: for unit tests, and for other services that use the domain alone."""

"""A local folder as bucket."""

from ignite_adapters.directory.bucket import DirectoryBucket

__all__ = ["DirectoryBucket"]

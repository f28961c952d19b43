"""Amazon S3, or anything that speaks its protocol, as bucket."""

from ignite_adapters.s3.bucket import S3Bucket

__all__ = ["S3Bucket"]

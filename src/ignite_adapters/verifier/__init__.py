"""The third-party verifier, over HTTP."""

from ignite_adapters.verifier.http import HttpAddressVerifier

__all__ = ["HttpAddressVerifier"]

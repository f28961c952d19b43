"""DNS by dnspython."""

from ignite_adapters.dns.mx import DnsMxLookup

__all__ = ["DnsMxLookup"]

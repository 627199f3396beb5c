"""How much of users' IP addresses is kept."""

from __future__ import annotations

from enum import StrEnum
from ipaddress import ip_interface, ip_network

KEPT_BITS = {4: 24, 6: 48}
"""What is left of an address, by IP version: the network of a site, not the machine in it."""

UNSPECIFIED = "0.0.0.0"  # noqa: S104 - nothing is bound to it
"""Stands for an address that is not kept; a valid one, for clients that read it."""


class IpAddressMode(StrEnum):
    """How much of an address is kept."""

    FULL = "full"
    TRUNCATED = "truncated"
    NONE = "none"


def kept_address(address: str, mode: IpAddressMode) -> str:
    """The stored form of an IPv4 or IPv6 address, which may have a network suffix.

    Truncated, the last 8 bits of IPv4 and the last 80 of IPv6 are 0, and there is no suffix.

    Raises:
        ValueError: if it is to be truncated and is no address.
    """
    if mode is IpAddressMode.FULL:
        return address
    if mode is IpAddressMode.NONE:
        return UNSPECIFIED
    ip = ip_interface(address).ip
    return str(ip_network(f"{ip}/{KEPT_BITS[ip.version]}", strict=False).network_address)

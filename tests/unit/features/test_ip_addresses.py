from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.features.ip_addresses import UNSPECIFIED, IpAddressMode, kept_address

ADDRESSES = st.ip_addresses()


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("192.0.2.77", "192.0.2.0"),
        ("192.0.2.77/25", "192.0.2.0"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::"),
        ("::ffff:192.0.2.77", "::"),
    ],
)
def test_a_truncated_address_is_that_of_a_site(address: str, kept: str) -> None:
    assert kept_address(address, IpAddressMode.TRUNCATED) == kept


@given(ADDRESSES, ADDRESSES)
def test_what_is_kept_tells_no_machines_apart(
    a: IPv4Address | IPv6Address, b: IPv4Address | IPv6Address
) -> None:
    lost = {4: 8, 6: 80}
    same_site = a.version == b.version and int(a) >> lost[a.version] == int(b) >> lost[a.version]
    kept = [kept_address(str(each), IpAddressMode.TRUNCATED) for each in (a, b)]
    assert (kept[0] == kept[1]) == same_site
    assert kept_address(kept[0], IpAddressMode.TRUNCATED) == kept[0]
    assert int(ip_address(kept[0])) % (1 << lost[a.version]) == 0


@given(ADDRESSES)
def test_all_or_nothing_can_be_kept(address: IPv4Address | IPv6Address) -> None:
    assert kept_address(str(address), IpAddressMode.FULL) == str(address)
    assert kept_address(str(address), IpAddressMode.NONE) == UNSPECIFIED


def test_what_is_no_address_is_not_truncated() -> None:
    with pytest.raises(ValueError, match="does not appear to be"):
        kept_address("nowhere", IpAddressMode.TRUNCATED)

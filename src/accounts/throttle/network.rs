//! [`Network`]: addresses that count as one.

use std::{fmt, net::IpAddr};

use ipnet::IpNet;

/// Where a login comes from: an IPv4 address, or the /64 that an IPv6 client has to itself (RFC 4291
/// §2.5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network(IpNet);

/// The bits that tell IPv6 clients apart.
const IPV6_PREFIX: u8 = 64;

impl Network {
    /// The network of an address; one mapped into IPv6 counts as what it is.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        let address = address.to_canonical();
        let whole = IpNet::from(address);
        match address {
            IpAddr::V4(_) => Self(whole),
            IpAddr::V6(_) => Self(IpNet::new(address, IPV6_PREFIX).unwrap_or(whole).trunc()),
        }
    }

    /// Reads an address, or a network as it is shown.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let address = text.parse().ok();
        let shown = || text.parse().ok().map(|net: IpNet| net.addr());
        let network = Self::of(address.or_else(shown)?);
        let is_as_shown = address.is_some() || network.to_string() == text;
        is_as_shown.then_some(network)
    }
}

/// `192.0.2.1`, `2001:db8::/64`.
impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpNet::V4(net) => net.addr().fmt(f),
            IpNet::V6(net) => net.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_ipv6_network_count_as_one() {
        let of = |text: &str| Network::of(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }

    #[test]
    fn a_network_reads_back_what_it_shows() {
        for (text, shown) in [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::/64"),
            ("2001:db8::/64", "2001:db8::/64"),
        ] {
            let network = Network::parse(text).unwrap();
            assert_eq!(network.to_string(), shown);
            assert_eq!(Network::parse(shown), Some(network));
        }
        for text in [
            "",
            "alice",
            "192.0.2.0/24",
            "2001:db8::/48",
            "2001:db8::1/64",
        ] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
    }
}

//! The addresses of this machine, and which addresses are the whole world's.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6},
};

/// The addresses of this machine's interfaces, loopback apart: where others may find it.
#[derive(Debug)]
pub(super) struct Interfaces(Vec<Interface>);

#[derive(Debug)]
struct Interface {
    ip: IpAddr,
    /// Which interface a link-local address belongs to (RFC 4007 §6); 0 for any other.
    scope: u32,
}

impl Interfaces {
    pub(super) fn of_this_machine() -> io::Result<Self> {
        let interface = |found: if_addrs::Interface| Interface {
            ip: found.ip(),
            scope: match found.ip() {
                IpAddr::V6(ip) if ip.is_unicast_link_local() => found.index.unwrap_or_default(),
                _ => 0,
            },
        };
        let outward = |ours: &Interface| !ours.ip.is_loopback();
        let found = if_addrs::get_if_addrs()?.into_iter().map(interface);
        Ok(Self(found.filter(outward).collect()))
    }

    /// Whether this address is one of ours.
    pub(super) fn has(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        // To connect to "all of them" is to connect to this machine.
        ip.is_loopback() || ip.is_unspecified() || self.0.iter().any(|ours| ours.ip == ip)
    }

    /// Where others would find what listens on this port.
    pub(super) fn at(&self, port: u16) -> Vec<SocketAddr> {
        self.0.iter().map(|ours| ours.at(port)).collect()
    }
}

impl Interface {
    fn at(&self, port: u16) -> SocketAddr {
        match self.ip {
            IpAddr::V4(ip) => SocketAddr::from((ip, port)),
            IpAddr::V6(ip) => SocketAddrV6::new(ip, port, 0, self.scope).into(),
        }
    }
}

#[cfg(test)]
impl FromIterator<IpAddr> for Interfaces {
    fn from_iter<I: IntoIterator<Item = IpAddr>>(ips: I) -> Self {
        let interface = |ip| Interface { ip, scope: 0 };
        Self(ips.into_iter().map(interface).collect())
    }
}

/// Whether the whole world may route to it (RFC 6890).
pub(super) fn is_public(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let special = match ip.octets() {
        // This network; multicast and reserved.
        [0 | 224..=255, ..]
        // Shared address space, protocol assignments, benchmarks.
        | [100, 64..=127, ..] | [192, 0, 0, _] | [198, 18..=19, ..] => true,
        _ => ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_documentation(),
    };
    !special
}

/// Global unicast is `2000::/3` (RFC 4291 §2.4), documentation apart (RFC 3849, RFC 9637).
fn is_public_v6(ip: Ipv6Addr) -> bool {
    match ip.segments() {
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        [first, ..] => first >> 13 == 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_and_special_addresses_are_not_public() {
        let public = |text: &str| is_public(text.parse().unwrap());
        for text in [
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "127.0.0.1",
            "169.254.1.1",
            "100.64.0.1",
            "0.0.0.0",
            "192.0.2.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "2001:db8::1",
            "3fff::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(!public(text), "{text}");
        }
        for text in [
            "9.9.9.9",
            "100.128.0.1",
            "172.32.0.1",
            "2620:fe::fe",
            "::ffff:9.9.9.9",
        ] {
            assert!(public(text), "{text}");
        }
    }

    #[test]
    fn loopback_and_what_an_interface_has_is_this_machine() {
        let machine = Interfaces(vec![
            Interface {
                ip: "10.0.0.7".parse().unwrap(),
                scope: 0,
            },
            Interface {
                ip: "fe80::7".parse().unwrap(),
                scope: 3,
            },
        ]);
        for ours in [
            "127.0.0.1",
            "127.0.0.9",
            "::1",
            "0.0.0.0",
            "::",
            "10.0.0.7",
            "::ffff:10.0.0.7",
        ] {
            assert!(machine.has(ours.parse().unwrap()), "{ours}");
        }
        assert!(!machine.has("10.0.0.8".parse().unwrap()));
        let found: Vec<String> = machine.at(80).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["10.0.0.7:80", "[fe80::7%3]:80"]);
    }

    #[test]
    fn nobody_finds_this_machine_at_its_loopback_address() {
        let machine = Interfaces::of_this_machine().unwrap();
        assert!(machine.0.iter().all(|ours| !ours.ip.is_loopback()));
    }
}

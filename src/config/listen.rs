//! `[listen]`: where clients connect.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;

use ipnet::IpNet;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, Visitor};

use super::one_or_many::OneOrMany;
use super::units::text_value;

/// Where clients connect, and which hosts and proxies are believed.
#[derive(Clone, Debug, Default, PartialEq, serde::Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Listen {
    /// Address and port, or a list of them. Default: `0.0.0.0:8443` with `[tls]`,
    /// `127.0.0.1:8080` without.
    pub address: OneOrMany<Address>,
    /// Plain HTTP addresses that answer 308 to https, and nothing else. Default: none.
    pub redirect: OneOrMany<Address>,
    /// Worker threads: a number, or `"auto"` for one a core.
    pub workers: Workers,
    /// Host names (`Host`, `:authority`) that are answered; others get 421. Default: the names in
    /// the certificates; without `[tls]`, `localhost` and the listen addresses. `"*"` is any.
    pub hosts: OneOrMany<String>,
    /// Networks of peers whose `X-Forwarded-*` are believed, walked right to left. Default: none.
    pub trusted_proxies: OneOrMany<Network>,
    /// Serve plain HTTP beyond the loopback addresses. Only behind something else that ends TLS.
    pub plaintext: bool,
}

impl Listen {
    /// The addresses to listen at, the default being chosen by whether TLS is configured.
    #[must_use]
    pub fn addresses(&self, tls: Option<&super::Tls>) -> Vec<SocketAddr> {
        if self.address.0.is_empty() {
            let default = match tls {
                Some(_) => (Ipv4Addr::UNSPECIFIED, 8443),
                None => (Ipv4Addr::LOCALHOST, 8080),
            };
            return vec![SocketAddr::from(default)];
        }
        self.address.0.iter().map(|address| address.0).collect()
    }
}

/// An IP address and a port: `127.0.0.1:8443`, `[::1]:8443`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address(pub SocketAddr);

/// What is wrong with an address or a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not an address and a port.
    #[error("not an address: an IP address and a port, as in \"127.0.0.1:8443\"")]
    Address,
    /// Not a network.
    #[error("not a network: an IP address or a prefix, as in \"10.0.0.0/8\"")]
    Network,
}

impl std::str::FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        text.parse().map(Self).map_err(|_| AddressError::Address)
    }
}

/// A network: `10.0.0.0/8`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(pub IpNet);

impl std::str::FromStr for Network {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let one = text.parse::<IpAddr>().map(IpNet::from);
        one.or_else(|_| text.parse())
            .map(Self)
            .map_err(|_| AddressError::Network)
    }
}

text_value!(Address, "^.+:[0-9]{1,5}$", "127.0.0.1:8443");
text_value!(Network, "^[0-9A-Fa-f.:]+(/[0-9]{1,3})?$", "10.0.0.0/8");

/// How many worker threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Workers {
    /// One a core that this process may use.
    #[default]
    Auto,
    /// This many.
    Count(NonZeroUsize),
}

impl<'de> Deserialize<'de> for Workers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WorkersVisitor)
    }
}

struct WorkersVisitor;

impl Visitor<'_> for WorkersVisitor {
    type Value = Workers;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"auto\" or a number from 1")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Workers, E> {
        match text {
            "auto" => Ok(Workers::Auto),
            _ => Err(E::custom(
                "not a number of workers: \"auto\" or a number from 1",
            )),
        }
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Workers, E> {
        let count = usize::try_from(number).ok().filter(|count| *count <= 1024);
        let count = count.and_then(NonZeroUsize::new);
        count
            .map(Workers::Count)
            .ok_or_else(|| E::custom("from 1 to 1024 workers, or \"auto\""))
    }
}

impl JsonSchema for Workers {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Workers".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [{ "const": "auto" }, { "type": "integer", "minimum": 1, "maximum": 1024 }]
        })
    }
}

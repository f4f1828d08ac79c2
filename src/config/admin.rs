//! `[admin]`: where operators keep users, keys and sessions over HTTP.

use std::net::SocketAddr;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::units::{OrOff, text_value};

/// Where the API for operators is served. Every request needs a credential with `ADMIN:*`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Admin {
    /// A loopback address and port, `unix:///path/to.sock`, or `"off"`.
    pub address: OrOff<AdminAddress>,
}

impl Default for Admin {
    fn default() -> Self {
        let address = OrOff::Off;
        Self { address }
    }
}

/// An address on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminAddress {
    /// An IP address and a port.
    Tcp(SocketAddr),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

/// What is wrong with the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdminAddressError {
    /// Neither kind.
    #[error("not an address: as in \"127.0.0.1:9181\" or \"unix:///run/doorward/admin.sock\"")]
    Neither,
    /// A socket path that isn't absolute.
    #[error("the path of a Unix socket is absolute: unix:///run/doorward/admin.sock")]
    Socket,
}

impl std::str::FromStr for AdminAddress {
    type Err = AdminAddressError;

    fn from_str(text: &str) -> Result<Self, AdminAddressError> {
        match text.strip_prefix("unix://") {
            Some(path) if path.starts_with('/') && path.len() > 1 => Ok(Self::Unix(path.into())),
            Some(_) => Err(AdminAddressError::Socket),
            None => {
                let address = text.parse().map_err(|_| AdminAddressError::Neither)?;
                Ok(Self::Tcp(address))
            }
        }
    }
}

impl std::fmt::Display for AdminAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

text_value!(
    AdminAddress,
    "^(.+:[0-9]{1,5}|unix:///.+)$",
    "127.0.0.1:9181"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_of_tcp_or_a_socket_with_an_absolute_path() {
        let tcp = AdminAddress::Tcp(([127, 0, 0, 1], 9181).into());
        assert_eq!("127.0.0.1:9181".parse(), Ok(tcp));
        assert_eq!("unix:///a/b".parse(), Ok(AdminAddress::Unix("/a/b".into())));
        let parsed = |text: &str| text.parse::<AdminAddress>();
        for text in ["unix://a/b", "unix:///", "unix://"] {
            assert_eq!(parsed(text), Err(AdminAddressError::Socket), "{text}");
        }
        for text in [
            "",
            "9181",
            "localhost:9181",
            "http://127.0.0.1:9181",
            "/a/b",
        ] {
            assert_eq!(parsed(text), Err(AdminAddressError::Neither), "{text}");
        }
    }
}

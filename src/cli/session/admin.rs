//! Where the admin API of a running sidecar is, and one request to it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, header};
use http_body_util::Full;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::admin::PREFIX;
use crate::cli::{
    client::{Answer, Server},
    configuration::ConfigArgument,
    credential::Source,
    output, runtime,
};
use crate::config::{AdminAddress, BackendUrl, HostPort, OrOff};
use crate::snapshot::Address;

/// How long the answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// More of an answer is not read, in bytes: some 200,000 sessions.
const LARGEST_ANSWER: usize = 64 * 1024 * 1024;

/// `--admin` and `--credential-file`.
#[derive(Debug, clap::Args)]
pub(super) struct AdminArguments {
    /// The admin API, http:// or unix://; by default, admin.address of the configuration
    #[arg(long, value_name = "URL")]
    admin: Option<Place>,
    /// File that holds a credential with ADMIN:*; `-` takes the first line of standard input
    #[arg(long, value_name = "FILE")]
    credential_file: Source,
    #[command(flatten)]
    config: ConfigArgument,
}

/// What came of a request.
pub(super) enum Asked<T> {
    Done(T),
    /// The credential was refused; that was said.
    Denied,
}

impl AdminArguments {
    /// Asks, and reads the answer.
    pub(super) fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Asked<T>> {
        let place = self.place()?;
        let credential = self.credential_file.read()?;
        let bearer = [b"Bearer ", credential.expose()].concat();
        let mut bearer =
            HeaderValue::from_bytes(&bearer).context("no header can carry the credential")?;
        bearer.set_sensitive(true);
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{PREFIX}{path}"))
            .header(header::HOST, &place.host)
            .header(header::AUTHORIZATION, bearer);
        let body = body.map(|body| Bytes::from(body.to_string()));
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let request = request.body(Full::from(body.unwrap_or_default()))?;
        let server = Server {
            address: place.address,
            tls: None,
        };
        let answer = runtime()?.block_on(server.ask_for(request, PATIENCE, LARGEST_ANSWER));
        understood(&answer.context("asking the admin API")?)
    }

    fn place(&self) -> anyhow::Result<Place> {
        if let Some(place) = &self.admin {
            return Ok(place.clone());
        }
        let written = self.config.read_sound()?;
        let OrOff::Value(address) = written.config.admin.address else {
            bail!("{} has no admin.address: say --admin", self.config.name());
        };
        Ok(address.into())
    }
}

fn understood<T: DeserializeOwned>(answer: &Answer) -> anyhow::Result<Asked<T>> {
    let status = answer.status;
    if status.is_success() {
        let value = serde_json::from_slice(&answer.body);
        return Ok(Asked::Done(value.context("not an answer of doorward")?));
    }
    let said: Option<Value> = serde_json::from_slice(&answer.body).ok();
    let said = said.unwrap_or_default();
    let words = said
        .pointer("/detail/error")
        .or(said.pointer("/error/0/msg"));
    let words = words.and_then(Value::as_str).unwrap_or_default();
    let refusal = format!("the admin API refuses: {status} {}", words.escape_debug());
    if matches!(status.as_u16(), 401 | 403) {
        output::line(&refusal)?;
        return Ok(Asked::Denied);
    }
    bail!(refusal)
}

/// An address of the admin API, and how to call it.
#[derive(Clone, Debug)]
struct Place {
    address: Address,
    host: String,
}

impl From<AdminAddress> for Place {
    fn from(address: AdminAddress) -> Self {
        match address {
            AdminAddress::Tcp(address) => Self {
                host: address.to_string(),
                address: Address::Socket(address),
            },
            AdminAddress::Unix(path) => Self {
                host: "localhost".to_owned(),
                address: Address::Unix(path),
            },
        }
    }
}

/// A credential is sent there, and nothing ends TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the admin API is at http:// and a loopback address, or at unix:///path/to.sock")]
struct NoPlace;

impl FromStr for Place {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        // As it is written in the configuration.
        if let Ok(AdminAddress::Tcp(address)) = text.parse() {
            return loopback(address).map(Self::from);
        }
        match text.parse() {
            Ok(BackendUrl::Unix(path)) => Ok(AdminAddress::Unix(path).into()),
            Ok(BackendUrl::Http(HostPort { host, port, .. })) => {
                let ip = match host.parse() {
                    Ok(ip) => ip,
                    Err(_) if host.eq_ignore_ascii_case("localhost") => Ipv4Addr::LOCALHOST.into(),
                    Err(_) => return Err(NoPlace),
                };
                loopback(SocketAddr::new(ip, port)).map(Self::from)
            }
            Ok(BackendUrl::Https(_)) | Err(_) => Err(NoPlace),
        }
    }
}

fn loopback(address: SocketAddr) -> Result<AdminAddress, NoPlace> {
    let ip: IpAddr = address.ip().to_canonical();
    ip.is_loopback()
        .then_some(AdminAddress::Tcp(address))
        .ok_or(NoPlace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_goes_nowhere_but_to_this_machine() {
        let host = |text: &str| text.parse::<Place>().map(|place| place.host);
        for good in [
            "http://127.0.0.1:9181",
            "http://127.0.0.1:9181/",
            "http://localhost:9181",
            "127.0.0.1:9181",
        ] {
            assert_eq!(host(good).as_deref(), Ok("127.0.0.1:9181"), "{good}");
        }
        assert_eq!(host("http://[::1]:9181").as_deref(), Ok("[::1]:9181"));
        assert_eq!(host("unix:///run/x.sock").as_deref(), Ok("localhost"));
        for bad in [
            "https://127.0.0.1:9181",
            "http://192.0.2.1:9181",
            "192.0.2.1:9181",
            "http://localhost.example:9181",
            "http://me@127.0.0.1:9181",
            "unix://run/x.sock",
            "",
        ] {
            assert_eq!(host(bad), Err(NoPlace), "{bad}");
        }
    }
}

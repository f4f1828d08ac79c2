//! `doorward health`: asks a running sidecar whether it is ready, without shell or curl.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use anyhow::Context;
use http::{Request, StatusCode, header};
use http_body_util::Full;

use super::{
    Exit,
    client::{Answer, Server},
    output,
};
use crate::snapshot::Address;

/// How long the answer may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// Exits with 0 when the sidecar on this machine is ready.
///
/// Made for container health checks: it asks `GET /readyz` of the telemetry address, and prints
/// what is missing when the answer is no.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  doorward health
  doorward health --address 127.0.0.1:9180
  HEALTHCHECK CMD [\"/doorward\", \"health\"]")]
pub(super) struct Health {
    /// The telemetry address
    #[arg(
        long,
        env = "DOORWARD_TELEMETRY_ADDRESS",
        default_value = "127.0.0.1:9180"
    )]
    address: SocketAddr,
}

impl Health {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let address = reachable(self.address);
        let answer = super::runtime()?
            .block_on(ask(address))
            .with_context(|| format!("asking {address}"))?;
        output::line(&answer.text())?;
        Ok(if answer.status == StatusCode::OK {
            Exit::Done
        } else {
            Exit::Failed
        })
    }
}

/// The loopback address when the one to listen on is "all of them".
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

async fn ask(address: SocketAddr) -> anyhow::Result<Answer> {
    let server = Server {
        address: Address::Socket(address),
        tls: None,
    };
    let request = Request::get("/readyz")
        .header(header::HOST, address.to_string())
        .body(Full::default())?;
    Ok(server.ask(request, PATIENCE).await?)
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::TcpListener,
        thread,
    };

    use super::*;

    /// Answers one request with these bytes; returns where.
    fn serve_once(answer: &'static str) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let length = stream.read(&mut request).unwrap();
            assert!(request[..length].starts_with(b"GET /readyz HTTP/1.1\r\n"));
            stream.write_all(answer.as_bytes()).unwrap();
        });
        address
    }

    #[test]
    fn ready_is_0_and_anything_else_is_1() {
        let exit = |answer| {
            Health {
                address: serve_once(answer),
            }
            .run()
        };
        assert_eq!(exit("HTTP/1.1 200 OK\r\n\r\nready").unwrap(), Exit::Done);
        assert_eq!(
            exit("HTTP/1.1 503 No\r\n\r\nnot listening").unwrap(),
            Exit::Failed
        );
        assert!(exit("nonsense").is_err());
    }

    #[test]
    fn nobody_there_is_an_error() {
        let closed = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        assert!(Health { address: closed }.run().is_err());
    }

    #[test]
    fn an_unspecified_address_is_asked_on_loopback() {
        let asked = |text: &str| reachable(text.parse().unwrap()).to_string();
        assert_eq!(asked("0.0.0.0:9180"), "127.0.0.1:9180");
        assert_eq!(asked("[::]:9180"), "[::1]:9180");
        assert_eq!(asked("10.0.0.1:1"), "10.0.0.1:1");
    }
}

//! What `dev/bench` and `dev/prove` need around the proxies: a backend, the floor, clients,
//! certificates. Each command runs on one thread.
//!
//! ```text
//! load certificate DIRECTORY            ca.pem; server.crt, server.key, server.pem with both; another.crt, another.key
//! load backend PORT                     HTTP: 200 and who is calling; WebSocket: echo
//! load relay PORT BACKEND_PORT DIR      ends TLS, copies bytes: no proxy on this stack can be cheaper
//! load hold PORT PATH DIR COUNT         opens COUNT WebSockets, echoes once on each, waits for the end of stdin
//! load echo PORT PATH DIR COUNT SECONDS plays ping-pong on COUNT WebSockets
//! load requests PORT PATH DIR COUNT KEY PAUSE asks on COUNT connections, pauses milliseconds, until the end of stdin
//! load witness PORT PATH DIR COUNT      keeps COUNT WebSockets and tells, when asked, what became of them
//! ```

mod backend;
mod certificate;
mod relay;
mod requests;
mod target;
mod websocket;
mod witness;

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use tokio::runtime::{Builder, LocalOptions};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

fn main() -> Outcome {
    let mut arguments = std::env::args().skip(1);
    let mut next = || {
        arguments
            .next()
            .ok_or("an argument is missing; see benches/load/load.rs")
    };
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())?;
    match next()?.as_str() {
        "certificate" => certificate::create(&PathBuf::from(next()?)),
        "backend" => runtime.block_on(backend::serve(local(&next()?)?)),
        "relay" => runtime.block_on(relay::serve(
            local(&next()?)?,
            local(&next()?)?,
            &PathBuf::from(next()?),
        )),
        "hold" => {
            let target = target::Target::new(local(&next()?)?, next()?, &next()?)?;
            runtime.block_on(websocket::hold(target, next()?.parse()?))
        }
        "echo" => {
            let target = target::Target::new(local(&next()?)?, next()?, &next()?)?;
            let (count, seconds) = (next()?.parse()?, next()?.parse()?);
            runtime.block_on(websocket::echo(target, count, Duration::from_secs(seconds)))
        }
        "requests" => {
            let target = target::Target::new(local(&next()?)?, next()?, &next()?)?;
            let (count, key) = (next()?.parse()?, next()?);
            let pause = Duration::from_millis(next()?.parse()?);
            runtime.block_on(requests::ask(target, count, key, pause))
        }
        "witness" => {
            let target = target::Target::new(local(&next()?)?, next()?, &next()?)?;
            runtime.block_on(witness::stand(target, next()?.parse()?))
        }
        other => Err(format!("no command {other}; see benches/load/load.rs").into()),
    }
}

fn local(port: &str) -> Outcome<SocketAddr> {
    Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port.parse()?)))
}

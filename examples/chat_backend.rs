//! The demonstration backend alone: something to put a sidecar before.
//!
//! `cargo run --example chat_backend [ADDRESS]` serves the wire protocol of Cheshire Cat 1.x,
//! weaknesses included, and prints its address. `CCAT_API_KEY` and `CCAT_API_KEY_WS` are the
//! backend's own keys, as on the original; with neither set everybody gets in.

use std::{
    env,
    io::{self, Write},
};

use doorward::{
    demo::{Backend, Keys, Settings},
    secret::Secret,
};
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".into());
    let keys = Keys {
        http: key("CCAT_API_KEY"),
        websocket: key("CCAT_API_KEY_WS"),
    };
    let settings = Settings {
        keys,
        ..Settings::default()
    };
    let backend = Backend::start(TcpListener::bind(address).await?, settings)?;
    writeln!(io::stdout(), "ready http://{}", backend.address())?;
    tokio::signal::ctrl_c().await
}

fn key(variable: &str) -> Option<Secret> {
    env::var(variable).ok().map(Secret::new)
}

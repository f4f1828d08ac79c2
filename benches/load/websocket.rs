//! WebSocket clients: many that sleep, or some that never stop talking.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::client::TlsStream;

use super::Outcome;
use super::target::Target;

/// Handshakes at a time while opening many.
const OPENING: usize = 16;

/// What a chat message may look like, as a frame: text, masked with zeroes.
pub(super) const MESSAGE: &[u8] =
    b"\x81\xbb\0\0\0\0{\"text\":\"How many paws does a cat have, all in all?\",\"n\":1}";

/// Bytes of its echo: the same frame without a mask.
const ECHO: usize = MESSAGE.len() - 4;

/// Opens `count` WebSockets, and uses each once.
pub(super) async fn open(target: &Rc<Target>, count: usize) -> Outcome<Vec<TlsStream<TcpStream>>> {
    let opening = Rc::new(Semaphore::new(OPENING));
    let tasks: Vec<_> = (0..count)
        .map(|_| {
            let (target, opening) = (Rc::clone(target), Rc::clone(&opening));
            tokio::task::spawn_local(async move {
                let _slot = opening.acquire().await.map_err(|error| error.to_string())?;
                let mut stream = target
                    .websocket()
                    .await
                    .map_err(|error| error.to_string())?;
                ping_pong(&mut stream)
                    .await
                    .map_err(|error| error.to_string())?;
                Ok::<_, String>(stream)
            })
        })
        .collect();
    let mut open = Vec::with_capacity(count);
    for task in tasks {
        open.push(task.await??);
    }
    Ok(open)
}

async fn ping_pong(stream: &mut TlsStream<TcpStream>) -> Outcome {
    let mut echo = [0; ECHO];
    stream.write_all(MESSAGE).await?;
    stream.read_exact(&mut echo).await?;
    if echo.get(2..) == MESSAGE.get(6..) {
        Ok(())
    } else {
        Err("the echo differs".into())
    }
}

/// Opens `count` WebSockets, uses each once, says `open`, and keeps them until stdin ends.
pub(super) async fn hold(target: Rc<Target>, count: usize) -> Outcome {
    let mut open = open(&target, count).await?;
    println!("open");
    tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new())).await??;
    // A socket that died in its sleep would make the others look cheaper than they are.
    for stream in &mut open {
        ping_pong(stream).await?;
    }
    println!("alive");
    Ok(())
}

/// Plays ping-pong on `count` WebSockets and prints how many messages came back, and how fast.
pub(super) async fn echo(target: Rc<Target>, count: usize, duration: Duration) -> Outcome {
    let mut streams = Vec::with_capacity(count);
    for _ in 0..count {
        streams.push(target.websocket().await?);
    }
    println!("open");
    let times = Rc::new(RefCell::new(Vec::with_capacity(1_000_000)));
    let end = Instant::now() + duration;
    let tasks: Vec<_> = streams
        .into_iter()
        .map(|mut stream| {
            let times = Rc::clone(&times);
            tokio::task::spawn_local(async move {
                while Instant::now() < end {
                    let sent = Instant::now();
                    ping_pong(&mut stream)
                        .await
                        .map_err(|error| error.to_string())?;
                    times.borrow_mut().push(sent.elapsed());
                }
                Ok::<_, String>(stream)
            })
        })
        .collect();
    let mut open = Vec::with_capacity(count);
    for task in tasks {
        open.push(task.await??);
    }
    let mut times = times.take();
    times.sort_unstable();
    let quantile = |q: usize| {
        times
            .get(times.len() * q / 100)
            .map_or(0, Duration::as_micros)
    };
    println!("{} {} {}", times.len(), quantile(50), quantile(99));
    Ok(())
}

//! A load of requests on keep-alive connections, in which every failure counts.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::client::TlsStream;

use super::Outcome;
use super::target::Target;

/// An answer that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// What all connections together have seen.
#[derive(Default)]
struct Tally {
    times: RefCell<Vec<Duration>>,
    failed: Cell<usize>,
    over: Cell<bool>,
}

/// Says `open` when each of `count` connections had an answer, asks on, with a pause after
/// each answer, until stdin ends, and prints how many requests succeeded, how many did not, and the microseconds of the median, the 99th
/// percentile and the slowest.
pub(super) async fn ask(target: Rc<Target>, count: usize, key: String, pause: Duration) -> Outcome {
    let tally = Rc::new(Tally::default());
    let request: Rc<str> = target
        .request(&format!("Authorization: Bearer {key}\r\n"))
        .into();
    let mut streams = Vec::with_capacity(count);
    for _ in 0..count {
        let mut stream = target.connect().await?;
        answer(&mut stream, &request).await?;
        streams.push(stream);
    }
    println!("open");
    let ask = |stream| ask_on(stream, &target, &request, &tally, pause);
    let tasks: Vec<_> = streams.into_iter().map(ask).collect();
    tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new())).await??;
    tally.over.set(true);
    for task in tasks {
        task.await?;
    }
    let mut times = tally.times.take();
    times.sort_unstable();
    let micros = |time: Option<&Duration>| time.map_or(0, Duration::as_micros);
    let quantile = |q: usize| micros(times.get(times.len() * q / 100));
    let (failed, slowest) = (tally.failed.get(), micros(times.last()));
    let (p50, p99) = (quantile(50), quantile(99));
    println!("{} {failed} {p50} {p99} {slowest}", times.len());
    Ok(())
}

fn ask_on(
    mut stream: TlsStream<TcpStream>,
    target: &Rc<Target>,
    request: &Rc<str>,
    tally: &Rc<Tally>,
    pause: Duration,
) -> JoinHandle<()> {
    let (target, request, tally) = (Rc::clone(target), Rc::clone(request), Rc::clone(tally));
    tokio::task::spawn_local(async move {
        while !tally.over.get() {
            let sent = Instant::now();
            let Err(error) = answer(&mut stream, &request).await else {
                tally.times.borrow_mut().push(sent.elapsed());
                if !pause.is_zero() {
                    tokio::time::sleep(pause).await;
                }
                continue;
            };
            tally.failed.set(tally.failed.get() + 1);
            complain(&format!("a request failed: {error}"));
            match target.connect().await {
                Ok(fresh) => stream = fresh,
                Err(error) => return complain(&format!("no new connection: {error}")),
            }
        }
    })
}

/// Says when it was, in seconds of the Unix epoch: whoever reads it may be late.
#[expect(clippy::disallowed_methods, reason = "this program is its own rim")]
fn complain(what: &str) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    eprintln!("{:.3} {what}", now.unwrap_or_default().as_secs_f64());
}

/// Asks once. Anything but a whole 200 on a connection that stays is an error.
async fn answer(stream: &mut TlsStream<TcpStream>, request: &str) -> Outcome {
    let whole = async {
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::with_capacity(1024);
        while !is_whole(&answer) {
            if stream.read_buf(&mut answer).await? == 0 {
                return Err("the connection ended".into());
            }
        }
        if answer.starts_with(b"HTTP/1.1 200 ") {
            Ok(())
        } else {
            Err(String::from_utf8_lossy(&answer).into())
        }
    };
    tokio::time::timeout(PATIENCE, whole).await?
}

fn is_whole(answer: &[u8]) -> bool {
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
        return false;
    };
    let head = String::from_utf8_lossy(answer.get(..end).unwrap_or_default());
    let mut fields = head.lines().filter_map(|line| line.split_once(':'));
    let length = fields
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse::<usize>().ok())
        .unwrap_or_default();
    answer.len() >= end + 4 + length
}

//! One line a request, formatted by hand and handed over in batches.

use std::cell::{Cell, RefCell};
use std::io::Write as _;
use std::net::IpAddr;
use std::time::Duration;

use super::LogFormat;
use super::escape::{bare, number, quoted, thousandths};
use super::time::SecondCache;
use super::writer::LogSink;
use crate::clock::Timestamp;

/// A batch is handed over once it has this many bytes: to wake the writer costs as much as many
/// lines.
const BATCH: usize = 64 * 1024;

/// Longest path in a line, in bytes; the rest is cut and marked `…`.
const PATH_LIMIT: usize = 1024;

/// Longest other value in a line.
const VALUE_LIMIT: usize = 256;

/// What is known of a request once it is over.
///
/// Nothing here is a place for a credential: the path has lost its query, and there are no
/// headers. `user` and `credential` are names that a verifier gave.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// When the request's head was read.
    pub time: Timestamp,
    /// The value of `X-Request-Id`, as the backend saw it.
    pub request_id: &'a str,
    /// The client's address.
    pub peer: IpAddr,
    /// `h1`, `h2`, or `ws` for the life of a WebSocket.
    pub protocol: &'static str,
    /// The method, as the client sent it.
    pub method: &'a str,
    /// The path, as the client sent it.
    pub path: Path<'a>,
    /// The status of the answer.
    pub status: u16,
    /// Who is calling.
    pub user: Option<&'a str>,
    /// The id of the key, or the name of the issuer.
    pub credential: Option<&'a str>,
    /// The rule that decided.
    pub rule: Option<&'a str>,
    /// Why the request was refused, failed, or the WebSocket ended.
    pub reason: Option<&'static str>,
    /// From the head of the request to the end of the response, or of the WebSocket.
    pub duration: Duration,
    /// The backend's part of it: until the head of its response came.
    pub upstream_duration: Option<Duration>,
    /// Bytes of the body sent to the client.
    pub bytes_sent: u64,
    /// Bytes of the body received from it.
    pub bytes_received: u64,
}

/// The path of a request, and certainly not its query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path<'a>(&'a str);

impl<'a> Path<'a> {
    /// Takes a request target and keeps what stands before any query, in whatever spelling.
    ///
    /// Clients get the separator wrong (`/ws/bob&token=…`, `%3Ftoken=…`), and a log must not be
    /// where that shows; so it ends before the first `?`, `&`, `;` or `#`, plain or encoded.
    #[must_use]
    pub fn of(target: &'a str) -> Self {
        let bytes = target.as_bytes();
        let is_separator = |(at, byte): (usize, &u8)| match byte {
            b'?' | b'&' | b';' | b'#' => true,
            b'%' => matches!(
                bytes.get(at + 1..at + 3),
                Some([b'3', b'f' | b'F' | b'b' | b'B'] | [b'2', b'6' | b'3'])
            ),
            _ => false,
        };
        let end = bytes
            .iter()
            .enumerate()
            .position(is_separator)
            .unwrap_or(bytes.len());
        // All of these are ASCII, so the cut lies between characters.
        Self(target.get(..end).unwrap_or_default())
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        self.0
    }
}

/// The access log of one worker: a buffer of its own before the common sink.
///
/// Lines are handed over when 64 KiB are together, and by [`AccessLog::flush`], which the worker
/// calls every 100 ms or so, and when dropped.
#[derive(Debug)]
pub struct AccessLog {
    sink: LogSink,
    format: Cell<LogFormat>,
    buffer: RefCell<Vec<u8>>,
    clock: RefCell<SecondCache>,
}

impl AccessLog {
    /// An empty log before this sink.
    #[must_use]
    pub fn new(sink: LogSink, format: LogFormat) -> Self {
        Self {
            sink,
            format: Cell::new(format),
            buffer: RefCell::default(),
            clock: RefCell::default(),
        }
    }

    /// Takes effect with the next record.
    pub fn set_format(&self, format: LogFormat) {
        self.format.set(format);
    }

    /// Appends one line; never waits.
    pub fn record(&self, record: &Record<'_>) {
        let mut buffer = self.buffer.borrow_mut();
        if buffer.capacity() == 0 {
            *buffer = self.sink.buffer(BATCH + BATCH / 8);
        }
        let mut clock = self.clock.borrow_mut();
        match self.format.get() {
            LogFormat::Json => json(&mut buffer, &mut clock, record),
            LogFormat::Text => text(&mut buffer, &mut clock, record),
        }
        if buffer.len() >= BATCH {
            self.sink.write(std::mem::take(&mut *buffer));
        }
    }

    /// Hands over what is there.
    pub fn flush(&self) {
        let lines = std::mem::take(&mut *self.buffer.borrow_mut());
        self.sink.write(lines);
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        self.flush();
    }
}

fn json(out: &mut Vec<u8>, clock: &mut SecondCache, record: &Record<'_>) {
    out.extend_from_slice(b"{\"timestamp\":\"");
    clock.write(out, record.time);
    out.extend_from_slice(b"\",\"level\":\"INFO\",\"target\":\"access\",\"request_id\":");
    quoted(out, record.request_id.as_bytes(), VALUE_LIMIT);
    out.extend_from_slice(b",\"peer\":\"");
    address(out, record.peer);
    // A word of ours.
    out.extend_from_slice(b"\",\"protocol\":\"");
    out.extend_from_slice(record.protocol.as_bytes());
    out.extend_from_slice(b"\",\"method\":");
    quoted(out, record.method.as_bytes(), VALUE_LIMIT);
    out.extend_from_slice(b",\"path\":");
    quoted(out, record.path.0.as_bytes(), PATH_LIMIT);
    out.extend_from_slice(b",\"status\":");
    number(out, u64::from(record.status));
    for (name, value) in names(record) {
        out.extend_from_slice(b",\"");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
        quoted(out, value.as_bytes(), VALUE_LIMIT);
    }
    out.extend_from_slice(b",\"duration_ms\":");
    milliseconds(out, record.duration);
    if let Some(duration) = record.upstream_duration {
        out.extend_from_slice(b",\"upstream_ms\":");
        milliseconds(out, duration);
    }
    out.extend_from_slice(b",\"bytes_sent\":");
    number(out, record.bytes_sent);
    out.extend_from_slice(b",\"bytes_received\":");
    number(out, record.bytes_received);
    out.extend_from_slice(b"}\n");
}

fn text(out: &mut Vec<u8>, clock: &mut SecondCache, record: &Record<'_>) {
    clock.write(out, record.time);
    out.extend_from_slice(b"  INFO access: ");
    bare(out, record.method.as_bytes(), VALUE_LIMIT);
    out.push(b' ');
    bare(out, record.path.0.as_bytes(), PATH_LIMIT);
    out.push(b' ');
    number(out, u64::from(record.status));
    for (name, value) in names(record) {
        out.push(b' ');
        out.extend_from_slice(name.as_bytes());
        out.push(b'=');
        bare(out, value.as_bytes(), VALUE_LIMIT);
    }
    let _ = write!(
        out,
        " peer={} protocol={} duration_ms=",
        record.peer, record.protocol
    );
    milliseconds(out, record.duration);
    if let Some(duration) = record.upstream_duration {
        out.extend_from_slice(b" upstream_ms=");
        milliseconds(out, duration);
    }
    out.extend_from_slice(b" bytes_sent=");
    number(out, record.bytes_sent);
    out.extend_from_slice(b" bytes_received=");
    number(out, record.bytes_received);
    out.extend_from_slice(b" request_id=");
    bare(out, record.request_id.as_bytes(), VALUE_LIMIT);
    out.push(b'\n');
}

/// What is there of the decision.
fn names<'a>(record: &Record<'a>) -> impl Iterator<Item = (&'static str, &'a str)> {
    let names = [
        ("user", record.user),
        ("credential", record.credential),
        ("rule", record.rule),
        ("reason", record.reason),
    ];
    names
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
}

/// As `Display`, but quicker for the common kind.
fn address(out: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            number(out, u64::from(a));
            for octet in [b, c, d] {
                out.push(b'.');
                number(out, u64::from(octet));
            }
        }
        IpAddr::V6(address) => {
            let _ = write!(out, "{address}");
        }
    }
}

fn milliseconds(out: &mut Vec<u8>, duration: Duration) {
    let whole = duration.as_secs().saturating_mul(1000);
    number(
        out,
        whole.saturating_add(u64::from(duration.subsec_millis())),
    );
    out.push(b'.');
    thousandths(out, duration.subsec_micros() % 1000);
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::Ipv4Addr;

    use super::*;

    fn record() -> Record<'static> {
        Record {
            time: Timestamp::from_millis(1_795_376_086_123),
            request_id: "019ab3",
            peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
            protocol: "h1",
            method: "POST",
            path: Path::of("/message?token=hunter2"),
            status: 200,
            user: Some("alice"),
            credential: Some("web"),
            rule: Some("/message"),
            reason: None,
            duration: Duration::from_micros(12_034),
            upstream_duration: Some(Duration::from_millis(11)),
            bytes_sent: 512,
            bytes_received: 34,
        }
    }

    fn written(format: LogFormat, record: &Record<'_>) -> String {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let log = AccessLog::new(LogSink::new(writer), format);
        log.record(record);
        drop(log);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn a_record_is_one_json_line() {
        assert_eq!(
            written(LogFormat::Json, &record()),
            concat!(
                r#"{"timestamp":"2026-11-22T19:34:46.123Z","level":"INFO","target":"access","#,
                r#""request_id":"019ab3","peer":"127.0.0.1","protocol":"h1","method":"POST","#,
                r#""path":"/message","status":200,"user":"alice","credential":"web","#,
                r#""rule":"/message","duration_ms":12.034,"upstream_ms":11.000,"#,
                r#""bytes_sent":512,"bytes_received":34}"#,
                "\n"
            )
        );
    }

    #[test]
    fn a_record_is_one_text_line() {
        let refused = Record {
            user: None,
            credential: None,
            upstream_duration: None,
            status: 401,
            reason: Some("expired"),
            ..record()
        };
        assert_eq!(
            written(LogFormat::Text, &refused),
            "2026-11-22T19:34:46.123Z  INFO access: POST /message 401 rule=/message \
             reason=expired peer=127.0.0.1 protocol=h1 duration_ms=12.034 bytes_sent=512 \
             bytes_received=34 request_id=019ab3\n"
        );
    }

    #[test]
    fn a_hostile_record_is_still_one_line_of_json() {
        let nasty = "x\r\n{\"forged\":1}\u{202e}\u{1b}[2J";
        let long = "a".repeat(65_536);
        let path = format!("/{nasty}{long}");
        let hostile = Record {
            path: Path::of(&path),
            user: Some(&long),
            method: nasty,
            ..record()
        };
        for format in [LogFormat::Json, LogFormat::Text] {
            let line = written(format, &hostile);
            assert_eq!(line.lines().count(), 1);
            assert!(line.len() < 2048 && !line.contains(['\u{1b}', '\u{202e}', '\r']));
        }
        let line = written(LogFormat::Json, &hostile);
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["method"], nasty);
    }

    #[test]
    fn a_query_is_cut_in_every_spelling() {
        for target in [
            "/a?token=x",
            "/a&token=x",
            "/a%3ftoken=x",
            "/a%3Ft",
            "/a;t",
            "/a%3Bt",
            "/a%26t",
            "/a#t",
        ] {
            assert_eq!(Path::of(target), Path::of("/a"), "{target}");
        }
        assert_eq!(Path::of("/a%20b/%2"), Path("/a%20b/%2"));
    }

    #[test]
    fn a_full_batch_is_handed_over_without_a_flush() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let log = AccessLog::new(LogSink::new(writer), LogFormat::Json);
        for _ in 0..400 {
            log.record(&record());
        }
        let mut first = [0; 1];
        reader.read_exact(&mut first).unwrap();
        assert_eq!(first, *b"{");
    }
}

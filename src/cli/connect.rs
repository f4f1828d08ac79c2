//! `doorward connect`: a WebSocket client for the terminal.

use std::{
    fs,
    io::{self, BufRead, Write},
    path::PathBuf,
    thread,
    time::Duration,
};

use anyhow::Context;
use futures_util::{SinkExt, StreamExt};
use http::{StatusCode, Uri};
use tokio::{
    sync::mpsc::{self, Receiver},
    time::{self, Instant},
};
use tokio_tungstenite::tungstenite::{
    self, Message, Utf8Bytes,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

use super::{
    Exit,
    credential::Source,
    dial::{Carrier, Dial, Dialed, Socket},
};
use crate::config::Period;

/// How long the other side may take to answer our close frame.
const CLOSING: Duration = Duration::from_secs(5);

/// Opens a WebSocket: lines in, messages out, the close code at the end.
///
/// Exits with 0 after a normal close (1000), with 3 when the credential is refused, expires or is
/// revoked (401 or 403 to the handshake, close codes 4401 and 4403), else with 1.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  doorward connect wss://localhost:8443/ws --credential-file key --ca certs/ca.pem --field text
  echo '{\"text\":\"hello\"}' | doorward connect wss://chat.example/ws --credential-file key
  pass show chat/key | doorward connect wss://chat.example/ws --credential-file - --carrier header")]
pub(super) struct Connect {
    /// Where to: `wss://HOST[:PORT]/PATH`, or `ws://` without TLS
    url: Uri,
    /// File that holds the credential; `-` takes the first line of standard input
    #[arg(long, value_name = "FILE")]
    credential_file: Option<Source>,
    /// How the credential travels
    #[arg(long, value_enum, default_value_t)]
    carrier: Carrier,
    /// PEM file of the authority to trust instead of the system's
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Send each line as a JSON object with this one field, as chat backends want it
    #[arg(long, value_name = "NAME")]
    field: Option<String>,
    /// After the last line, close once no message has come for so long
    #[arg(long, value_name = "DURATION", default_value = "1s")]
    wait: Period,
}

impl Connect {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let ca = self
            .ca
            .as_ref()
            .map(|path| fs::read(path).with_context(|| format!("reading {}", path.display())));
        let dial = Dial {
            credential: self
                .credential_file
                .as_ref()
                .map(Source::read)
                .transpose()?,
            ca: ca.transpose()?,
            url: self.url,
            carrier: self.carrier,
        };
        let runtime = super::runtime()?;
        runtime.block_on(async {
            match dial.connect().await? {
                Dialed::Refused { status, body } => Ok(refused(status, &body)),
                Dialed::Open(socket) => {
                    let session = Session {
                        socket: *socket,
                        field: self.field,
                        wait: self.wait.0,
                    };
                    let end = session.run(read_lines(), &mut io::stdout()).await?;
                    let _ = writeln!(io::stderr(), "closed: {end}");
                    Ok(end.exit())
                }
            }
        })
    }
}

fn refused(status: StatusCode, body: &str) -> Exit {
    let _ = writeln!(io::stderr(), "refused: {status} {}", body.trim_end());
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Exit::Denied,
        _ => Exit::Failed,
    }
}

/// Reads standard input in a thread of its own: a blocked read must not keep the program alive.
fn read_lines() -> Receiver<String> {
    let (sender, lines) = mpsc::channel(16);
    thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                break;
            }
        }
    });
    lines
}

/// An open socket and how to use it.
struct Session {
    socket: Socket,
    field: Option<String>,
    wait: Duration,
}

/// How the socket ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// With a close frame.
    Frame { code: u16, reason: String },
    /// Without: 1006 (RFC 6455 §7.1.5).
    Abnormal,
}

impl Session {
    /// Sends lines and prints messages until the socket is closed, by either side.
    async fn run(
        mut self,
        mut lines: Receiver<String>,
        out: &mut impl Write,
    ) -> anyhow::Result<End> {
        let mut quiet: Option<Instant> = None; // since when nothing happened after the last line
        let interrupted = tokio::signal::ctrl_c();
        tokio::pin!(interrupted);
        loop {
            tokio::select! {
                line = lines.recv(), if quiet.is_none() => match line {
                    Some(line) => self.send(line).await?,
                    None => quiet = Some(Instant::now()),
                },
                message = self.socket.next() => match message {
                    Some(Ok(Message::Close(frame))) => return Ok(self.ended(frame).await),
                    Some(Ok(message)) => {
                        print(&message, out)?;
                        quiet = quiet.map(|_| Instant::now());
                    }
                    Some(Err(_)) | None => return Ok(End::Abnormal),
                },
                () = time::sleep_until(quiet.unwrap_or_else(Instant::now) + self.wait), if quiet.is_some() => {
                    return self.close(out).await;
                }
                _ = &mut interrupted => return self.close(out).await,
            }
        }
    }

    async fn send(&mut self, line: String) -> Result<(), tungstenite::Error> {
        let text = match &self.field {
            Some(field) => serde_json::json!({ field: line }).to_string(),
            None => line,
        };
        match self.socket.send(text.into()).await {
            // Closed meanwhile: the next read says how.
            Err(
                tungstenite::Error::ConnectionClosed
                | tungstenite::Error::Protocol(_)
                | tungstenite::Error::Io(_),
            ) => Ok(()),
            sent => sent,
        }
    }

    /// Closes normally, and prints what still comes before the other side's close frame.
    async fn close(mut self, out: &mut impl Write) -> anyhow::Result<End> {
        let frame = CloseFrame {
            code: CloseCode::Normal,
            reason: Utf8Bytes::from_static(""),
        };
        self.socket.send(Message::Close(Some(frame))).await?;
        let deadline = Instant::now() + CLOSING;
        loop {
            match time::timeout_at(deadline, self.socket.next()).await {
                Ok(Some(Ok(Message::Close(frame)))) => return Ok(self.ended(frame).await),
                Ok(Some(Ok(message))) => print(&message, out)?,
                _ => return Ok(End::Abnormal),
            }
        }
    }

    /// The end that a close frame announces; our echo of it goes out first.
    async fn ended(mut self, frame: Option<CloseFrame>) -> End {
        let rest = async { while let Some(Ok(_)) = self.socket.next().await {} };
        // Whether the other side hangs up in time changes nothing.
        let _ = time::timeout(CLOSING, rest).await;
        match frame {
            Some(frame) => End::Frame {
                code: frame.code.into(),
                reason: frame.reason.to_string(),
            },
            // A close frame without a code is 1005 (RFC 6455 §7.1.5), and as good as 1000.
            None => End::Frame {
                code: 1005,
                reason: String::new(),
            },
        }
    }
}

fn print(message: &Message, out: &mut impl Write) -> io::Result<()> {
    match message {
        Message::Text(text) => writeln!(out, "{text}")?,
        Message::Binary(bytes) => writeln!(out, "({} binary bytes)", bytes.len())?,
        _ => return Ok(()),
    }
    out.flush()
}

impl End {
    const fn exit(&self) -> Exit {
        match self {
            Self::Frame {
                code: 1000 | 1005, ..
            } => Exit::Done,
            Self::Frame {
                code: 4401 | 4403, ..
            } => Exit::Denied,
            _ => Exit::Failed,
        }
    }
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Frame { code, reason } if reason.is_empty() => write!(f, "{code}"),
            Self::Frame { code, reason } => write!(f, "{code} {reason}"),
            Self::Abnormal => f.write_str("1006 (connection lost)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::{
        demo::{Backend, Keys, Settings},
        secret::Secret,
    };

    async fn backend() -> Backend {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let keys = Keys {
            http: Some(Secret::new("H")),
            websocket: Some(Secret::new("W")),
        };
        Backend::start(
            listener,
            Settings {
                keys,
                ..Settings::default()
            },
        )
        .unwrap()
    }

    async fn dial(backend: &Backend, credential: &str) -> Dialed {
        Dial {
            url: format!("ws://{}/ws/alice", backend.address())
                .parse()
                .unwrap(),
            credential: Some(Secret::new(credential)),
            carrier: Carrier::Query,
            ca: None,
        }
        .connect()
        .await
        .unwrap()
    }

    /// Runs a session over these lines; how it ended, and what was printed.
    async fn session(lines: &[&str]) -> (End, String) {
        let backend = backend().await;
        let Dialed::Open(socket) = dial(&backend, "W").await else {
            panic!("refused")
        };
        let (sender, receiver) = mpsc::channel(16);
        for line in lines {
            sender.send((*line).to_owned()).await.unwrap();
        }
        drop(sender);
        let field = Some("text".to_owned());
        let session = Session {
            socket: *socket,
            field,
            wait: Duration::from_millis(200),
        };
        let mut out = Vec::new();
        let end = session.run(receiver, &mut out).await.unwrap();
        (end, String::from_utf8(out).unwrap())
    }

    #[tokio::test]
    async fn lines_go_in_and_messages_come_out_until_a_normal_close() {
        let (end, out) = session(&["hello \"you\""]).await;
        assert_eq!(
            end,
            End::Frame {
                code: 1000,
                reason: String::new()
            }
        );
        assert_eq!(end.exit(), Exit::Done);
        let last = out.lines().last().unwrap();
        assert!(
            last.contains(r#""text":"Hello alice, you said: hello \"you\"""#),
            "{last}"
        );
    }

    #[tokio::test]
    async fn a_refused_handshake_is_told_by_its_status() {
        let backend = backend().await;
        match dial(&backend, "wrong").await {
            Dialed::Refused { status, .. } => assert_eq!(refused(status, ""), Exit::Denied),
            Dialed::Open(_) => panic!("open"),
        }
    }

    #[test]
    fn a_revoked_credential_is_a_denial_and_a_lost_connection_a_failure() {
        let frame = |code| End::Frame {
            code,
            reason: String::new(),
        };
        assert_eq!(frame(4403).exit(), Exit::Denied);
        assert_eq!(frame(4401).exit(), Exit::Denied);
        assert_eq!(frame(1012).exit(), Exit::Failed);
        assert_eq!(End::Abnormal.exit(), Exit::Failed);
        assert_eq!(End::Abnormal.to_string(), "1006 (connection lost)");
    }
}

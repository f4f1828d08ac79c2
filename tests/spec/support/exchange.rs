//! One request as the capture backend plays it: read, written down, answered.

use std::time::Instant;

use tokio::{io::AsyncWriteExt, sync::watch};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::{
    backend::{Seen, Socket},
    script::{Feed, Script, Step},
    wire::{End, Framing, Piece, Wire},
};

/// Where a request is written down.
#[derive(Clone, Copy)]
struct Record<'s> {
    all: &'s watch::Sender<Vec<Seen>>,
    index: usize,
}

impl Record<'_> {
    fn note(&self, note: impl FnOnce(&mut Seen)) {
        self.all.send_modify(|all| note(&mut all[self.index]));
    }
}

/// What becomes of the connection.
#[derive(PartialEq, Eq)]
pub(super) enum After {
    Stay,
    Leave,
}

/// A request whose head has arrived.
pub(super) struct Exchange<'s> {
    record: Record<'s>,
    seen: Seen,
    wire: &'s mut Wire<Box<dyn Socket>>,
}

impl<'s> Exchange<'s> {
    pub(super) fn begin(
        all: &'s watch::Sender<Vec<Seen>>,
        seen: Seen,
        wire: &'s mut Wire<Box<dyn Socket>>,
    ) -> Self {
        let mut record = Record { all, index: 0 };
        all.send_modify(|all| {
            record.index = all.len();
            all.push(seen.clone());
        });
        Self { record, seen, wire }
    }

    pub(super) async fn perform(mut self, script: Script) -> After {
        match script {
            Script::Early(bytes) => {
                self.write(&bytes).await;
                self.linger().await
            }
            Script::Feed(head, feed) => {
                let head = if head.is_empty() { self.switching() } else { head };
                self.write(&head).await;
                self.follow(&feed).await
            }
            script => {
                if self.read_body().await == End::Truncated {
                    self.record.note(|seen| seen.gone = true);
                    return After::Leave;
                }
                self.answer(script).await
            }
        }
    }

    async fn answer(mut self, script: Script) -> After {
        match script {
            Script::Answer(bytes) => {
                self.write(&bytes).await;
                return After::Stay;
            }
            Script::AnswerAndReset(bytes) => {
                self.write(&bytes).await;
                self.wire.stream.reset_on_close();
            }
            Script::AnswerAndClose(bytes) => self.write(&bytes).await,
            Script::Silence => return self.linger().await,
            _ if self.seen.head.is_upgrade() => {
                let head = self.switching();
                self.write(&head).await;
                return self.echo().await;
            }
            _ => {
                self.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
                return After::Stay;
            }
        }
        let _ = self.wire.stream.shutdown().await;
        After::Leave
    }

    /// The answer to a handshake that succeeds (RFC 6455 §4.2.2).
    fn switching(&self) -> Vec<u8> {
        let key = self.seen.head.field("sec-websocket-key").unwrap_or_default();
        let accept = derive_accept_key(key.as_bytes());
        let head =
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
        format!("{head}Sec-WebSocket-Accept: {accept}\r\n\r\n").into_bytes()
    }

    async fn write(&mut self, bytes: &[u8]) {
        let _ = self.wire.stream.write_all(bytes).await;
        let _ = self.wire.stream.flush().await;
    }

    async fn read_body(&mut self) -> End {
        let mut framing = self.seen.head.framing(Framing::Length(0));
        let end = loop {
            match self.wire.piece(&mut framing).await {
                Piece::Data(data) => self.record.note(|seen| seen.body.extend(data)),
                Piece::Last(trailers) => {
                    self.record.note(|seen| seen.trailers = trailers);
                    break End::Complete;
                }
                Piece::Broken => break End::Truncated,
            }
        };
        self.record.note(|seen| seen.end = end);
        end
    }

    /// Reads on until the other side leaves.
    async fn linger(self) -> After {
        loop {
            let bytes = self.wire.some().await;
            if bytes.is_empty() {
                self.record.note(|seen| seen.gone = true);
                return After::Leave;
            }
            self.record.note(|seen| seen.after.extend(bytes));
        }
    }

    async fn follow(mut self, feed: &Feed) -> After {
        let mut next = feed.next.lock().await;
        let mut reading = true;
        loop {
            let step = tokio::select! {
                step = next.recv() => step,
                bytes = self.wire.some(), if reading => {
                    reading = !bytes.is_empty();
                    self.record.note(|seen| {
                        seen.gone = bytes.is_empty();
                        seen.after.extend(bytes);
                    });
                    continue;
                }
            };
            match step {
                Some(Step::Write(bytes)) => self.write(&bytes).await,
                Some(Step::HalfClose) => self.wire.stream.shutdown().await.unwrap(),
                Some(Step::Reset) => {
                    self.wire.stream.reset_on_close();
                    return After::Leave;
                }
                None => {
                    let _ = self.wire.stream.shutdown().await;
                    return After::Leave;
                }
            }
        }
    }

    /// Sends every frame back unmasked, everything else of it as it came (RFC 6455 §5.2).
    async fn echo(mut self) -> After {
        while let Some(frame) = self.frame().await {
            self.write(&frame).await;
            if frame[0] & 0x0f == 0x8 {
                break;
            }
        }
        self.record.note(|seen| seen.ended = Some(Instant::now()));
        let _ = self.wire.stream.shutdown().await;
        self.linger().await
    }

    async fn frame(&mut self) -> Option<Vec<u8>> {
        let mut raw = self.wire.take(2).await?;
        let extended = match raw[1] & 0x7f {
            126 => self.wire.take(2).await?,
            127 => self.wire.take(8).await?,
            _ => Vec::new(),
        };
        let length = if extended.is_empty() {
            usize::from(raw[1] & 0x7f)
        } else {
            extended.iter().fold(0, |length, &byte| length << 8 | usize::from(byte))
        };
        let mut reply = vec![raw[0], raw[1] & 0x7f];
        reply.extend(&extended);
        let mask = self.wire.take(4).await?;
        let payload = self.wire.take(length).await?;
        reply.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        for part in [extended, mask, payload] {
            raw.extend(part);
        }
        self.record.note(|seen| seen.after.extend(raw));
        Some(reply)
    }
}

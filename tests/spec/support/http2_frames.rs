//! HTTP/2 by the frame (RFC 9113 §4.1), for what no client library would send.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::client::TlsStream;

use super::{HOST, key_of, soon};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;

const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// A connection whose frames the spec writes.
pub struct Http2Frames {
    stream: TlsStream<TcpStream>,
}

impl Http2Frames {
    pub(super) async fn over(mut stream: TlsStream<TcpStream>) -> Self {
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        let mut frames = Self { stream };
        frames.write(SETTINGS, 0, 0, &[]).await;
        frames
    }

    /// Writes a frame. That the other side has closed shows when reading.
    async fn write(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = vec![length[1], length[2], length[3], kind, flags];
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        let writing = async {
            let _ = self.stream.write_all(&frame).await;
            let _ = self.stream.flush().await;
        };
        soon("the frame is taken", writing).await;
    }

    /// Begins a GET whose end is still to come, with the key of that name.
    pub async fn get(&mut self, stream: u32, path: &str, key: &str) {
        // `:method: GET` and `:scheme: https` of the static table (RFC 7541 appendix A).
        let mut block = vec![0x82, 0x87];
        for (name, value) in [(":path", path), (":authority", HOST), ("x-api-key", &key_of(key))] {
            block.push(0);
            for text in [name, value] {
                block.push(u8::try_from(text.len()).unwrap());
                block.extend(text.bytes());
            }
        }
        self.write(HEADERS, END_HEADERS, stream, &block).await;
    }

    /// Ends a request that was begun.
    pub async fn finish(&mut self, stream: u32) {
        self.write(DATA, END_STREAM, stream, b"{}").await;
    }

    /// Reads to the end of the answer on a stream.
    pub async fn answered(&mut self, stream: u32) {
        loop {
            let (kind, flags, on, _) = soon("the answer's end", self.read()).await.unwrap();
            assert_ne!((kind, on), (RST_STREAM, stream), "reset before its answer had ended");
            if on == stream && flags & END_STREAM != 0 && [DATA, HEADERS].contains(&kind) {
                return;
            }
        }
    }

    /// Whether a stream is reset before a ping is answered.
    pub async fn is_reset(&mut self, stream: u32) -> bool {
        self.write(PING, 0, 0, &[7; 8]).await;
        loop {
            match soon("a frame", self.read()).await.unwrap() {
                (RST_STREAM, _, on, _) if on == stream => return true,
                (PING, ACK, ..) => return false,
                _ => {}
            }
        }
    }

    /// The code with which a stream is reset.
    pub async fn reset(&mut self, stream: u32) -> u32 {
        loop {
            let (kind, _, on, payload) = soon("a reset", self.read()).await.unwrap();
            if (kind, on) == (RST_STREAM, stream) {
                return u32::from_be_bytes(payload.try_into().unwrap());
            }
        }
    }

    /// Widens a stream's window beyond all measure: a fault for which the other side has to reset
    /// it (RFC 9113 §6.9.1).
    pub async fn widen_too_far(&mut self, stream: u32) {
        self.write(WINDOW_UPDATE, 0, stream, &0x7fff_ffff_u32.to_be_bytes()).await;
    }

    /// Goes on with what nobody asked for, and the other side takes it all: it may have ended, not
    /// reset.
    pub async fn go_on(&mut self, frames: usize) {
        let unknown = [&[0, 0x40, 0, 0xfe, 0, 0, 0, 0, 0][..], &[0; 0x4000]].concat();
        for _ in 0..frames {
            let writing = self.stream.write_all(&unknown);
            soon("the bytes are taken", writing).await.expect("all bytes are taken");
        }
    }

    /// The code of the `GOAWAY` that ends the connection; none when the other side still answers.
    pub async fn sent_away(mut self) -> Option<u32> {
        self.write(PING, 0, 0, &[7; 8]).await;
        loop {
            let (kind, flags, _, payload) = soon("a frame", self.read()).await.unwrap();
            match (kind, flags) {
                (GOAWAY, _) => return Some(u32::from_be_bytes(payload[4..8].try_into().unwrap())),
                (PING, ACK) => return None,
                _ => {}
            }
        }
    }

    async fn read(&mut self) -> std::io::Result<(u8, u8, u32, Vec<u8>)> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head).await?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        self.stream.read_exact(&mut payload).await?;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        Ok((head[3], head[4], stream, payload))
    }
}

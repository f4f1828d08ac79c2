//! The cheapest backend that still speaks both protocols, so that the proxy is what is measured.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::Outcome;

/// Answers every request with the `user_id` header it got, and echoes on WebSockets.
pub(super) async fn serve(address: SocketAddr) -> Outcome {
    let listener = TcpListener::bind(address).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        // A proxy that breaks off a connection ends that connection only.
        tokio::task::spawn_local(async move { connection(stream).await.unwrap_or_default() });
    }
}

async fn connection(mut stream: TcpStream) -> Outcome {
    let mut buffer = Vec::with_capacity(4096);
    loop {
        let Some(end) = head_end(&buffer) else {
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
            continue;
        };
        let head = String::from_utf8_lossy(buffer.get(..end).unwrap_or_default()).into_owned();
        buffer.drain(..end);
        if let Some(key) = header(&head, "sec-websocket-key") {
            let accept = derive_accept_key(key.as_bytes());
            let answer = format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Accept: {accept}\r\n\r\n"
            );
            stream.write_all(answer.as_bytes()).await?;
            buffer.shrink_to_fit();
            return echo(stream, buffer).await;
        }
        let body = format!(
            "{{\"user_id\":\"{}\"}}\n",
            header(&head, "user_id").unwrap_or("-")
        );
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(answer.as_bytes()).await?;
    }
}

fn head_end(buffer: &[u8]) -> Option<usize> {
    buffer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .map(|at| at + 4)
}

fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let mut fields = head.split("\r\n").filter_map(|line| line.split_once(':'));
    let (_, value) = fields.find(|(field, _)| field.eq_ignore_ascii_case(name))?;
    Some(value.trim())
}

/// Sends every frame back unmasked, a close frame too, after which the connection ends.
async fn echo(mut stream: TcpStream, mut buffer: Vec<u8>) -> Outcome {
    loop {
        while let Some((frame, taken)) = frame(&buffer) {
            buffer.drain(..taken);
            stream.write_all(&frame).await?;
            if frame.first().is_some_and(|byte| byte & 0x0f == 8) {
                return Ok(());
            }
        }
        if stream.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
    }
}

/// The first frame (RFC 6455 §5.2) as its echo, and how many bytes it took; small ones only.
fn frame(buffer: &[u8]) -> Option<(Vec<u8>, usize)> {
    let [opcode, length, mask @ ..] = buffer else {
        return None;
    };
    let length = usize::from(length & 0x7f);
    assert!(
        length < 126,
        "the clients of this benchmark send small messages"
    );
    let (mask, rest) = mask.split_at_checked(4)?;
    let payload = rest.get(..length)?;
    let mut echo = vec![*opcode, u8::try_from(length).ok()?];
    echo.extend(
        payload
            .iter()
            .zip(mask.iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
    Some((echo, length + 6))
}

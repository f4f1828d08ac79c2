//! `demo`: every line that it prints does what it says.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use super::doorward;

/// A running demo whose temporary files are in a directory of the test's.
struct Demo {
    process: Child,
    lines: Vec<String>,
    temporary: tempfile::TempDir,
}

impl Demo {
    fn start() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let mut process = doorward(temporary.path(), &["demo", "--port", "0"])
            .env("TMPDIR", temporary.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = printed(process.stdout.take().unwrap());
        Self {
            process,
            lines,
            temporary,
        }
    }

    /// A printed line, by its number.
    fn line(&self, number: usize) -> &str {
        &self.lines[number - 1]
    }

    /// What a printed `curl` line prints.
    fn curl(&self, number: usize) -> String {
        let output = Command::new("sh")
            .args(["-c", self.line(number)])
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-s", name, &id])
                .status()
                .unwrap()
                .success()
        );
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The lines to paste: all that are indented. The pipe is read on, or the log would fill it.
fn printed(stdout: ChildStdout) -> Vec<String> {
    let mut stdout = BufReader::new(stdout).lines().map(Result::unwrap);
    let mut lines = Vec::new();
    while lines.len() < 9 {
        let line = stdout
            .next()
            .expect("the demo ended before it had printed its lines");
        lines.extend(line.strip_prefix("   ").map(str::to_owned));
    }
    std::thread::spawn(move || stdout.for_each(drop));
    lines
}

/// A chat that a printed line opened.
struct Chat {
    process: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Chat {
    fn open(line: &str) -> Self {
        let mut process = Command::new("sh")
            .args(["-c", line])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = process.stdin.take().unwrap();
        let stdout = BufReader::new(process.stdout.take().unwrap());
        Self {
            process,
            stdin,
            stdout,
        }
    }

    /// Says something; the `chat` message that answers it.
    fn say(&mut self, text: &str) -> String {
        writeln!(self.stdin, "{text}").unwrap();
        let mut messages = self.stdout.by_ref().lines().map(Result::unwrap);
        messages
            .find(|message| message.contains(r#""type":"chat","#))
            .unwrap()
    }

    /// Waits for its end: the exit status, and what it said on standard error.
    fn ended(self) -> (Option<i32>, String) {
        let Self {
            process,
            stdin,
            stdout,
        } = self;
        let output = process.wait_with_output().unwrap();
        drop((stdin, stdout));
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap(),
        )
    }
}

/// Repeats what cannot be waited for until it is so.
fn eventually(mut holds: impl FnMut() -> bool) {
    let patience = Instant::now() + Duration::from_secs(5);
    while !holds() {
        assert!(Instant::now() < patience, "it did not come to be so");
        std::thread::yield_now();
    }
}

fn is_empty(directory: &Path) -> bool {
    fs::read_dir(directory).unwrap().next().is_none()
}

/// The program that the `curl` lines need; the other lines need none.
fn has_curl() -> bool {
    Command::new("curl").arg("--version").output().is_ok()
}

#[test]
fn the_printed_chat_is_answered_and_ends_when_its_key_leaves_the_file() {
    let demo = Demo::start();
    let mut chat = Chat::open(demo.line(7));
    // The path says admin.
    assert!(chat.say("hello").contains("Hello alice, you said: hello"));
    assert!(
        Command::new("sh")
            .args(["-c", demo.line(8)])
            .status()
            .unwrap()
            .success()
    );
    let (code, said) = chat.ended();
    assert_eq!(
        (code, said.trim()),
        (Some(3), "closed: 4403 credential revoked")
    );
    let (code, said) = Chat::open(demo.line(7)).ended();
    assert_eq!(code, Some(3));
    assert!(said.starts_with("refused: 403"), "{said}");
}

#[test]
fn every_printed_curl_line_does_what_it_says() {
    if !has_curl() {
        return;
    }
    let demo = Demo::start();
    assert!(demo.curl(1).starts_with("HTTP/2 403"));
    for (number, user) in [(2, "alice"), (3, "alice"), (4, "visitor-7"), (5, "bob")] {
        let answer = demo.curl(number);
        assert!(
            answer.contains(&format!(r#"["user_id","{user}"]"#)),
            "{number}: {answer}"
        );
        assert_eq!(
            answer.to_lowercase().matches("user").count(),
            2,
            "{number}: {answer}"
        ); // and user-agent
        assert!(
            !answer.contains("admin") && !answer.contains("authorization"),
            "{number}: {answer}"
        );
    }
    assert!(demo.curl(6).contains("Hello alice, you said: hello"));
    demo.curl(8);
    eventually(|| demo.curl(2).starts_with("HTTP/2 403"));
    demo.curl(9);
    eventually(|| demo.curl(2).starts_with("HTTP/2 200"));
}

#[test]
fn nothing_is_left_behind_however_it_is_told_to_end() {
    for signal in ["INT", "TERM", "HUP"] {
        let mut demo = Demo::start();
        assert!(!is_empty(demo.temporary.path()));
        demo.signal(signal);
        assert_eq!(demo.process.wait().unwrap().code(), Some(0), "{signal}");
        assert!(is_empty(demo.temporary.path()), "{signal}");
    }
}

//! The real binary: run to its end, or running with its output at hand.

use std::process::Stdio;

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader},
    process::{Child, Command},
    sync::watch,
};

use super::soon;

const BINARY: &str = env!("CARGO_BIN_EXE_doorward");

/// The binary under test, with nothing of our environment that it would read.
pub fn doorward(arguments: &[&str]) -> Command {
    command(BINARY, arguments)
}

/// The same with so many file descriptors and no more.
pub(super) fn limited(open_files: u32, arguments: &[&str]) -> Command {
    let script = format!("ulimit -n {open_files} && exec \"$0\" \"$@\"");
    command("sh", &[&["-c", &script, BINARY], arguments].concat())
}

fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    let ours =
        |name: &str| ["DOORWARD_", "CCAT_", "ZEP_"].iter().any(|prefix| name.starts_with(prefix));
    for (name, _) in std::env::vars().filter(|(name, _)| ours(name)) {
        command.env_remove(name);
    }
    command.args(arguments).kill_on_drop(true);
    command
}

/// What a command left behind.
#[derive(Debug)]
pub struct Finished {
    pub code: i32,
    /// Standard output, then standard error.
    pub text: String,
}

/// Runs a command to its end, with this on its standard input.
pub async fn run(mut command: Command, input: &str) -> Finished {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A command that does not read its input may have gone already.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    let output = soon("the command ends", child.wait_with_output()).await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Finished {
        code: output.status.code().expect("ended by a signal"),
        text: text(&output.stdout) + &text(&output.stderr),
    }
}

/// A command that runs on, and what it has printed so far.
pub(super) struct Running {
    child: Child,
    pub(super) stdout: Printed,
    pub(super) stderr: Printed,
}

impl Running {
    pub(super) fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = Printed::follow(child.stdout.take().unwrap());
        let stderr = Printed::follow(child.stderr.take().unwrap());
        Self { child, stdout, stderr }
    }

    /// Sends a signal by its name.
    pub(super) async fn signal(&self, name: &str) {
        let id = self.child.id().expect("it has ended").to_string();
        let status = Command::new("kill").args(["-s", name, &id]).status().await.unwrap();
        assert!(status.success());
    }

    /// Its exit code, once it has ended.
    pub(super) async fn ended(&mut self) -> i32 {
        let status = soon("the process ends", self.child.wait()).await.unwrap();
        status.code().expect("ended by a signal")
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id().expect("it has ended")
    }
}

/// The lines of one of its streams.
#[derive(Clone)]
pub(super) struct Printed(watch::Receiver<Vec<String>>);

impl Printed {
    fn follow(stream: impl AsyncRead + Unpin + Send + 'static) -> Self {
        let (sender, receiver) = watch::channel(Vec::new());
        tokio::spawn(async move {
            let mut lines = BufReader::new(stream).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                sender.send_modify(|all: &mut Vec<String>| all.push(line));
            }
        });
        Self(receiver)
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.0.borrow().clone()
    }

    /// The first line that is as said, once it is there; `None` when the stream ends before.
    pub(super) async fn line(&self, what: &str, is_it: impl Fn(&str) -> bool) -> Option<String> {
        let mut all = self.0.clone();
        let found = |lines: &Vec<String>| lines.iter().any(|line| is_it(line));
        let lines = soon(what, all.wait_for(found)).await.ok()?;
        lines.iter().find(|line| is_it(line)).cloned()
    }
}

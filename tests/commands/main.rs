//! The program itself, run as its users run it: what it prints, and how it exits.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod demo;
mod offline;
mod tokens;

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

/// The program, in a directory and without anybody's settings in its environment.
fn doorward(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
    command.args(arguments).current_dir(directory).env_clear();
    command
}

fn run(directory: &Path, arguments: &[&str]) -> Output {
    doorward(directory, arguments).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

const SECRET: &str = "a-secret-that-is-long-enough-to-sign-with";

/// A directory with a configuration: alice's key in `alice.key`, an issuer, two backend keys.
fn configured() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
    write("alice.key", "alices-own-key-long-enough\n");
    write("jwt.secret", SECRET);
    write(
        "doorward.toml",
        r#"
[listen]
address = "127.0.0.1:0"
hosts = ["chat.example"]
[backend]
url = "http://127.0.0.1:1865"
profile = "cheshire-cat-1"
http_key = "what the backend is shown on http"
ws_key = "what the backend is shown on ws"
[[key]]
id = "alice"
value_file = "alice.key"
user = "alice"
[[issuer]]
name = "local"
algorithms = ["HS256"]
secret_file = "jwt.secret"
"#,
    );
    directory
}

#[test]
fn wrong_usage_is_2() {
    let directory = tempfile::tempdir().unwrap();
    for arguments in [
        &["frobnicate"][..],
        &["key", "create"],
        &["explain"],
        &["connect"],
        &[],
    ] {
        assert_eq!(
            run(directory.path(), arguments).status.code(),
            Some(2),
            "{arguments:?}"
        );
    }
}

#[test]
fn a_key_is_printed_with_a_block_that_declares_it() {
    let directory = configured();
    let created = json(&run(
        directory.path(),
        &[
            "key",
            "create",
            "--acts-as",
            "visitor-*",
            "--expires",
            "90d",
            "--format",
            "json",
        ],
    ));
    let config = directory.path().join("doorward.toml");
    let text = fs::read_to_string(&config).unwrap() + created["block"].as_str().unwrap();
    fs::write(&config, text).unwrap();
    fs::write(
        directory.path().join("new.key"),
        created["key"].as_str().unwrap(),
    )
    .unwrap();
    let explain = [
        "explain",
        "--config",
        "doorward.toml",
        "--path",
        "/",
        "--credential-file",
    ];
    let visitor = ["new.key", "--header", "user_id: visitor-1"];
    let explained = run(directory.path(), &[&explain[..], &visitor].concat());
    assert_eq!(explained.status.code(), Some(0), "{}", stdout(&explained));
    assert!(stdout(&explained).contains("user_id: visitor-1"));
}

#[test]
fn a_certificate_that_was_made_is_one_to_serve_with() {
    let directory = configured();
    assert!(
        run(
            directory.path(),
            &["cert", "create", "--host", "chat.example"]
        )
        .status
        .success()
    );
    let config = directory.path().join("doorward.toml");
    let tls = "[tls]\ncertificate = 'certs/server.pem'\nkey = 'certs/server.key'\n";
    fs::write(&config, fs::read_to_string(&config).unwrap() + tls).unwrap();
    let checked = run(directory.path(), &["check", "--config", "doorward.toml"]);
    assert!(checked.status.success(), "{}", stdout(&checked));
    assert_eq!(
        run(directory.path(), &["cert", "create"]).status.code(),
        Some(1)
    );
}

//! Every example of `config/` boots as it is written; every configuration of
//! `tests/fixtures/invalid/` is refused with the message that stands beside the mistake.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test program: whatever fails, fails the test"
)]

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use doorward::config::{Environment, ReferenceKind, Written};
use serde_json::Value;

/// One key of each asymmetric kind that the examples name.
const KEY_SET: &str = r#"{"keys": [
    {"kty": "EC", "crv": "P-256", "kid": "e", "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"},
    {"kty": "RSA", "kid": "r", "e": "AQAB", "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"}
]}"#;

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let files: Vec<PathBuf> = entries
        .filter(|path| path.extension().is_some_and(|it| it == "toml"))
        .collect();
    assert!(files.len() > 3);
    files
}

/// The binary in a directory, with nothing of our environment that it would read.
fn doorward(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
    for (name, _) in std::env::vars() {
        if ["DOORWARD_", "CCAT_", "ZEP_"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
        {
            command.env_remove(name);
        }
    }
    command.current_dir(dir);
    command
}

/// Writes something of the right kind for everything that an example refers to, and says which
/// variables it wants.
fn provide(text: &str, dir: &Path) -> Vec<(String, String)> {
    let written = Written::from_file("example", text, &Environment::default());
    let mut variables = Vec::new();
    for (number, reference) in written.config.references().into_iter().enumerate() {
        let pair = rcgen::generate_simple_self_signed([
            "chat.example".to_owned(),
            format!("{number}.example"),
        ])
        .unwrap();
        let place = |path: &Path, text: &str| {
            let path = dir.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        match reference.kind {
            ReferenceKind::Pair { certificate, key } => {
                place(&certificate, &pair.cert.pem());
                place(&key, &pair.signing_key.serialize_pem());
            }
            ReferenceKind::Secret(path) => place(&path, &format!("{number:040}\n")),
            ReferenceKind::Variable(name) => variables.push((name, format!("{number:040}"))),
            ReferenceKind::KeyFile(path) => place(&path, &format!("{number:064}\n")),
            ReferenceKind::PublicKey(path) => place(&path, &pair.signing_key.public_key_pem()),
            ReferenceKind::KeySet(path) => place(&path, KEY_SET),
            ReferenceKind::CaFile(path) => place(&path, &pair.cert.pem()),
            ReferenceKind::SystemRoots => {}
            ReferenceKind::Profile(path) => panic!("an example names {}", path.display()),
        }
    }
    variables
}

/// Runs an example on free ports until it is ready; what it said.
fn boot(example: &Path) -> (Child, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(example).unwrap();
    let variables = provide(&text, dir.path());
    let mut command = doorward(dir.path());
    command
        .args(["serve", "--config"])
        .arg(example)
        .envs(variables);
    for name in ["LISTEN_ADDRESS", "TELEMETRY_ADDRESS"] {
        command.env(format!("DOORWARD_{name}"), "127.0.0.1:0");
    }
    if text.contains("\nredirect =") {
        command.env("DOORWARD_LISTEN_REDIRECT", "127.0.0.1:0");
    }
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = Vec::new();
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        said.push(line.unwrap());
        if said
            .last()
            .is_some_and(|line| line.starts_with("telemetry "))
        {
            break;
        }
    }
    (child, said)
}

#[test]
fn every_example_boots() {
    for example in files("config") {
        let (mut child, said) = boot(&example);
        let status = Command::new("kill")
            .arg(child.id().to_string())
            .status()
            .unwrap();
        assert!(status.success());
        assert!(
            said.iter().any(|line| line.starts_with("ready ")),
            "{}: {said:?}",
            example.display()
        );
        assert!(child.wait().unwrap().success(), "{}", example.display());
    }
}

/// What `check` says of a configuration.
fn diagnostics(file: &Path) -> Vec<Value> {
    let dir = tempfile::tempdir().unwrap();
    let output = doorward(dir.path())
        .args(["check", "--format", "json", "--config"])
        .arg(file)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", file.display());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    report
        .get("diagnostics")
        .and_then(Value::as_array)
        .unwrap()
        .clone()
}

/// The messages that a file expects, each with its line: they stand in comments beside the
/// mistakes, after `#!`; a message without a place stands alone on a line.
fn expected(text: &str) -> Vec<(Option<usize>, String)> {
    let mut expected = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        for message in line.split("#!").skip(1) {
            let is_alone = line.starts_with("#!");
            expected.push(((!is_alone).then_some(number), message.trim().to_owned()));
        }
    }
    expected
}

#[test]
fn every_mistake_is_named_where_it_is() {
    for file in files("tests/fixtures/invalid") {
        let text = fs::read_to_string(&file).unwrap();
        let mut found = diagnostics(&file);
        found.retain(|diagnostic| diagnostic["severity"] == "error");
        for (line, message) in expected(&text) {
            let is_it = |diagnostic: &Value| {
                diagnostic["line"]
                    .as_u64()
                    .map(|line| usize::try_from(line).unwrap())
                    == line
                    && diagnostic["message"].as_str().unwrap().contains(&message)
            };
            let at = found.iter().position(is_it);
            let at = at.unwrap_or_else(|| {
                panic!(
                    "{}: no {message:?} at {line:?} in {found:#?}",
                    file.display()
                )
            });
            found.remove(at);
        }
        assert!(found.is_empty(), "{}: also {found:#?}", file.display());
    }
}

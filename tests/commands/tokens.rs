//! `token create`, `token inspect` and `secret`.

use std::{fs, path::Path};

use super::{configured, json, run, stderr, stdout};

fn create(directory: &Path, arguments: &[&str]) -> std::process::Output {
    run(
        directory,
        &[
            &["token", "create", "--config", "doorward.toml"][..],
            arguments,
        ]
        .concat(),
    )
}

fn inspect(directory: &Path, file: &str) -> std::process::Output {
    run(
        directory,
        &["token", "inspect", "--config", "doorward.toml", file],
    )
}

#[test]
fn a_token_that_was_made_is_accepted() {
    let directory = configured();
    let token = stdout(&create(directory.path(), &["--user", "bob"]));
    fs::write(directory.path().join("bob.jwt"), &token).unwrap();
    let inspected = inspect(directory.path(), "bob.jwt");
    assert_eq!(inspected.status.code(), Some(0), "{}", stdout(&inspected));
    let text = stdout(&inspected);
    assert!(text.contains("issuer local: accepted, as bob"), "{text}");
    assert!(
        text.contains("(in 59 min)") || text.contains("(in 1 h)"),
        "{text}"
    );
    assert!(!text.contains(token.trim()), "{text}");
}

#[test]
fn a_token_of_another_secret_is_said_to_be_one() {
    let directory = configured();
    let token = json(&run(directory.path(), &["secret", "--format", "json"]));
    fs::write(
        directory.path().join("other.jwt"),
        token["token"].as_str().unwrap(),
    )
    .unwrap();
    let inspected = inspect(directory.path(), "other.jwt");
    assert_eq!(inspected.status.code(), Some(3));
    let text = stdout(&inspected);
    assert!(
        text.contains("issuer local: token signature does not verify"),
        "{text}"
    );
}

#[test]
fn a_public_key_cannot_sign() {
    let directory = configured();
    let config = directory.path().join("doorward.toml");
    let text = fs::read_to_string(&config).unwrap();
    let public = "public_key_file = 'k.pem'\nissuer = 'https://id.example'\naudience = ['chat']";
    let text = text
        .replace("secret_file = \"jwt.secret\"", public)
        .replace("HS256", "ES256");
    fs::write(&config, text).unwrap();
    let created = create(directory.path(), &["--user", "bob", "--issuer", "local"]);
    assert_eq!(created.status.code(), Some(1));
    assert!(
        stderr(&created).contains("only the holder of the private key can sign"),
        "{}",
        stderr(&created)
    );
}

#[test]
fn no_two_secrets_are_alike() {
    let directory = configured();
    let secret = || json(&run(directory.path(), &["secret", "--format", "json"]));
    let (first, second) = (secret(), secret());
    assert_ne!(first["secret"], second["secret"]);
    assert_eq!(first["secret"].as_str().unwrap().len(), 88);
    assert!(
        first["token"]
            .as_str()
            .unwrap()
            .starts_with("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.")
    );
}

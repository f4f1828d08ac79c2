//! `check`, `explain` and `schema`.

use std::fs;

use super::{configured, json, run, stderr, stdout};

const CONFIG: [&str; 2] = ["--config", "doorward.toml"];

fn explain(arguments: &[&str]) -> std::process::Output {
    run(
        configured().path(),
        &[&["explain"][..], &CONFIG, arguments].concat(),
    )
}

#[test]
fn check_says_all_that_is_wrong_at_its_place() {
    let directory = configured();
    let config = directory.path().join("doorward.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(
        &config,
        text.replace("hosts", "hots")
            .replace("alice.key", "gone.key"),
    )
    .unwrap();
    let checked = run(directory.path(), &[&["check"][..], &CONFIG].concat());
    assert_eq!(checked.status.code(), Some(1));
    let found = stdout(&checked);
    for part in [
        "doorward.toml:4:1",
        "did you mean `hosts`?",
        "there is no file gone.key",
        "2 errors",
    ] {
        assert!(found.contains(part), "{part}: {found}");
    }
    let checked = run(
        directory.path(),
        &[&["check", "--format", "json"][..], &CONFIG].concat(),
    );
    assert_eq!(checked.status.code(), Some(1));
    assert!(json(&checked).to_string().contains("gone.key"));
}

#[test]
fn check_passes_what_serve_would_run() {
    let checked = run(configured().path(), &[&["check"][..], &CONFIG].concat());
    assert_eq!(checked.status.code(), Some(0), "{}", stdout(&checked));
}

#[test]
fn explain_shows_what_the_backend_is_sent_with_its_keys_masked() {
    let credential = ["--credential-file", "alice.key"];
    let request = [
        "--path",
        "/message",
        "--method",
        "POST",
        "--header",
        "user_id: admin",
    ];
    let explained = explain(&[&request[..], &credential].concat());
    assert_eq!(explained.status.code(), Some(0));
    let text = stdout(&explained);
    assert!(
        text.contains("user_id: alice") && text.contains("authorization: ***"),
        "{text}"
    );
    assert!(
        !text.contains("admin") && !text.contains("shown on"),
        "{text}"
    );

    let explained = explain(&[&["--path", "/ws/bob?a=1", "--websocket"][..], &credential].concat());
    assert_eq!(explained.status.code(), Some(0), "{}", stdout(&explained));
    let text = stdout(&explained);
    assert!(text.contains("GET /ws/alice?a=1&token=***"), "{text}");
    assert!(!text.contains("shown"), "{text}");
}

#[test]
fn explain_says_why_not_and_exits_with_3() {
    for (arguments, reason) in [
        (&["--path", "/"][..], "no credential"),
        (
            &["--path", "/nowhere", "--credential-file", "alice.key"],
            "not permitted",
        ),
        (
            &["--path", "/", "--credential-file", "jwt.secret"],
            "unknown credential",
        ),
        (&["--path", "/a/../b"], "dot segment"),
        (
            &["--path", "/", "--header", "Host: other.example"],
            "host not allowed",
        ),
    ] {
        let explained = explain(arguments);
        assert_eq!(explained.status.code(), Some(3), "{arguments:?}");
        assert!(
            stdout(&explained).contains(reason),
            "{arguments:?}: {}",
            stdout(&explained)
        );
    }
}

#[test]
fn explain_takes_no_credential_from_its_arguments() {
    for header in ["Authorization: Bearer x", "access_token: x", "Cookie: a=b"] {
        let explained = explain(&["--path", "/", "--header", header]);
        assert_eq!(explained.status.code(), Some(1), "{header}");
        assert!(stderr(&explained).contains("--credential-file"), "{header}");
    }
}

#[test]
fn the_schema_describes_every_section() {
    let schema = json(&run(configured().path(), &["schema"]));
    for section in [
        "listen",
        "tls",
        "backend",
        "key",
        "keys_file",
        "issuer",
        "route",
        "limits",
    ] {
        assert!(schema["properties"][section].is_object(), "{section}");
    }
}

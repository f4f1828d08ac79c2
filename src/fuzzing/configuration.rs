//! The configuration: any text is a configuration or a list of errors, and no secret is shown.

use super::gates::compiled;
use crate::config::{Environment, Written};

/// A word that stands for a secret in corpora and dictionaries.
const SECRET: &str = "hush-hush-hush-hush-hush-hush-hush";

/// The bytes are the file's text.
pub fn configuration(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    let nothing = Environment::default();
    let written = Written::from_file("doorward.toml", text, &nothing);
    // What changed is read as the whole is.
    let other = Written::from_file("doorward.toml", "", &nothing).reread(text, &nothing);
    assert_eq!(
        format!("{:?}", written.config),
        format!("{:?}", other.config)
    );
    let outcome = compiled(text);
    if let Err(report) = &outcome {
        assert!(!report.trim().is_empty(), "refused without a word");
        for (number, _) in (1..).zip(text.lines()).filter(|(_, line)| is_secret(line)) {
            let start = format!("{number} |");
            let mut shown = report.lines().map(str::trim_start);
            let is_bare = |line: &str| line.starts_with(&start) && line.contains(SECRET);
            assert!(!shown.any(is_bare), "line {number}\n{report}");
        }
    }
}

/// Whether a line gives a secret as one.
fn is_secret(line: &str) -> bool {
    let key = line.split('=').next().unwrap_or_default().trim();
    ["secret", "http_key", "ws_key", "value"].contains(&key) && line.contains(SECRET)
}

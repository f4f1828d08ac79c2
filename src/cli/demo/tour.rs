//! What the demo tells its visitor: lines to paste, in the order in which to try them.

use std::{fmt::Write, path::Path};

use super::stage::Stage;
use crate::secret::Secret;

/// One thing to try.
struct Step {
    what: &'static str,
    command: String,
}

/// The whole text, for a sidecar on `port` and the program at `program`.
pub(super) fn tour(stage: &Stage, port: u16, program: &Path) -> String {
    let mut text = format!(
        "A chat backend is running, and doorward before it at https://localhost:{port}\n\
         Its configuration: {}\n\
         Paste these lines into another terminal, in this order. Ctrl-C ends the demo and removes \
         its files.\n",
        stage.path("doorward.toml").display()
    );
    for (number, step) in (1..).zip(steps(stage, port, program)) {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n{number}. {}\n   {}\n", step.what, step.command);
    }
    text
}

fn steps(stage: &Stage, port: u16, program: &Path) -> Vec<Step> {
    let ca = quote(&stage.path("ca.pem").display().to_string());
    let curl = |options: &str, path: &str| {
        format!("curl -i --cacert {ca} {options} https://localhost:{port}{path}")
    };
    let bearer = |credential: &str| format!("-H 'Authorization: Bearer {credential}'");
    let (alice, visitors) = (bearer(text(&stage.alice)), bearer(text(&stage.visitors)));
    let json = "-H 'Content-Type: application/json'";
    let program = quote(&program.display().to_string());
    let connect = |path: &str| {
        format!(
            "{program} connect wss://localhost:{port}{path} --credential-file {} --ca {ca} --field text",
            quote(&stage.path("alice.key").display().to_string())
        )
    };
    let file = |name: &str| quote(&stage.path(name).display().to_string());
    let (config, edited, block) = (
        file("doorward.toml"),
        file("edited.toml"),
        file("alice.toml"),
    );
    vec![
        Step {
            what: "Without a key: refused.",
            command: curl("", "/who").replace("  ", " "),
        },
        Step {
            what: "With alice's key: answered. /who shows what reached the backend: user_id alice, no key.",
            command: curl(&alice, "/who"),
        },
        Step {
            what: "Claiming to be somebody else: in vain, in every spelling.",
            command: curl(
                &format!("{alice} -H 'user_id: admin' -H 'User-Id: admin'"),
                "/who",
            ),
        },
        Step {
            what: "A key that acts for visitors: its holder, a server, says for which.",
            command: curl(&format!("{visitors} -H 'user_id: visitor-7'"), "/who"),
        },
        Step {
            what: "A token: its subject, bob, is the user.",
            command: curl(&bearer(&stage.bob), "/who"),
        },
        Step {
            what: "A question and an answer.",
            command: curl(
                &format!("{alice} {json} -d '{{\"text\":\"hello\"}}'"),
                "/message",
            ),
        },
        Step {
            what: "A chat over WebSocket, its key in ?token=. The path says admin, the answers are alice's. \
                   Type a line; leave it open.",
            command: connect("/ws/admin"),
        },
        Step {
            what: "In a third terminal, take alice's key out of the configuration: the chat closes with 4403.",
            command: format!(
                "sed '/^# alice: begin/,/^# alice: end/d' {config} > {edited} && mv {edited} {config}"
            ),
        },
        Step {
            what: "Put it back, and step 2 works again.",
            command: format!("cat {block} >> {config}"),
        },
    ]
}

/// The keys are printable by their making.
fn text(secret: &Secret) -> &str {
    std::str::from_utf8(secret.expose()).unwrap_or_default()
}

/// As one word of a POSIX shell: bare where every character is harmless, else in single quotes.
fn quote(word: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%".contains(c);
    if !word.is_empty() && word.chars().all(harmless) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    #[test]
    fn every_path_that_is_printed_is_there_and_every_line_is_one_command() {
        let stage = Stage::set(8443, "127.0.0.1:1".parse().unwrap(), Timestamp::now()).unwrap();
        let directory = stage.path("").display().to_string();
        let steps = steps(&stage, 8443, Path::new("/usr/bin/doorward"));
        assert_eq!(steps.len(), 9);
        for step in steps {
            assert!(!step.command.contains('\n'));
            let words = step.command.split_whitespace();
            let made_by_the_line_itself = stage.path("edited.toml").display().to_string();
            let paths = words.filter(|word| word.starts_with(&directory));
            for path in paths.filter(|path| **path != made_by_the_line_itself) {
                assert!(Path::new(path).exists(), "{path}");
            }
        }
    }

    #[test]
    fn a_word_with_a_space_or_a_quote_is_quoted() {
        assert_eq!(quote("/tmp/a-b.pem"), "/tmp/a-b.pem");
        assert_eq!(quote("/tmp/it's me"), r"'/tmp/it'\''s me'");
        assert_eq!(quote(""), "''");
    }
}

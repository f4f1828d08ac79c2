//! Masks values in source text before it is shown.

/// Keys whose values may be shown. Everything else is masked, so that a secret under a misspelt
/// key stays hidden too; a test compares this list with the schema.
const SHOWN: &[&str] = &[
    "access",
    "acts_as",
    "address",
    "algorithms",
    "allow_weak_secrets",
    "also",
    "audience",
    "body_gap",
    "ca_file",
    "certificate",
    "claimed_ids",
    "connect",
    "connections",
    "connections_per_address",
    "cookie_credential",
    "default_permissions",
    "drain",
    "encoded_slash",
    "expires",
    "failures_per_address",
    "first_byte",
    "format",
    "h2_streams",
    "header_count",
    "header_size",
    "header_timeout",
    "hosts",
    "hsts",
    "http_key_env",
    "http_key_file",
    "id",
    "idle_timeout",
    "ids_per_address",
    "issuer",
    "jwks_file",
    "keep_alive",
    "jwt_secret_env",
    "jwt_secret_file",
    "key",
    "leeway",
    "level",
    "lifetime",
    "login_cookies",
    "max_message",
    "max_per_user",
    "methods",
    "name",
    "origins",
    "others",
    "over_limit",
    "path",
    "permissions",
    "permissions_claim",
    "plaintext",
    "password_lanes",
    "password_memory",
    "password_passes",
    "prefix",
    "profile",
    "public_key_file",
    "redirect",
    "require",
    "revoked",
    "requests_per_user",
    "secret_env",
    "secret_file",
    "session_lifetime",
    "shared_namespace",
    "signing",
    "signing_rotation",
    "store",
    "target_size",
    "tls_handshake",
    "token_lifetime",
    "token_size",
    "transports",
    "trusted_proxies",
    "url",
    "user",
    "value_env",
    "value_file",
    "visitor_lifetime",
    "workers",
    "write_stall",
    "ws_key_env",
    "ws_key_file",
];

/// Tables: what follows their name and `=` is keys again.
const TABLES: &[&str] = &[
    "accounts",
    "admin",
    "anonymous",
    "backend",
    "cors",
    "keys_file",
    "limits",
    "listen",
    "log",
    "roles",
    "route",
    "telemetry",
    "tls",
    "websocket",
];

/// Whether a diagnostic may repeat the value of this key.
pub(super) fn may_show(key: &str) -> bool {
    SHOWN.contains(&key)
}

/// The text with `*` for each byte of a value that isn't known to be harmless. Lengths stay, so
/// that spans still point right.
pub(super) fn mask(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut state = State::Shown;
    for line in text.split_inclusive('\n') {
        state = mask_line(line, state, &mut masked);
    }
    masked
}

/// What the lines before have left open.
#[derive(Clone, Copy)]
enum State {
    Shown,
    /// The value of a hidden key may go on.
    Hidden,
    /// Inside a multi-line string of a hidden key.
    Inside(&'static str),
}

fn mask_line(line: &str, state: State, out: &mut String) -> State {
    let trimmed = line.trim();
    if let State::Inside(delimiter) = state {
        hide(line, out);
        return if line.contains(delimiter) {
            State::Hidden
        } else {
            state
        };
    }
    if trimmed.starts_with('[') && trimmed.contains(']') && !trimmed.contains('=') {
        out.push_str(line);
        return State::Shown;
    }
    match hidden_from(line) {
        Some(start) => {
            let (shown, hidden) = line.split_at(start);
            match state {
                State::Hidden if !begins_with_key(line) => hide(shown, out),
                _ => show(shown, out),
            }
            hide(hidden, out);
            opened(hidden)
        }
        None if is_element(trimmed) && matches!(state, State::Hidden) => {
            hide(line, out);
            state
        }
        None if begins_with_key(line) || is_element(trimmed) => {
            show(line, out);
            State::Shown
        }
        // The equals sign may have been forgotten.
        None => {
            hide(line, out);
            State::Hidden
        }
    }
}

/// Where the value of the first hidden key of a line begins.
fn hidden_from(line: &str) -> Option<usize> {
    line.match_indices('=').find_map(|(at, _)| {
        let key = key_before(line.get(..at)?);
        let known = SHOWN.contains(&key) || TABLES.contains(&key);
        (!known).then_some(at + 1)
    })
}

/// The last name before an equals sign, its quotes and tables apart; none when what stands before it
/// can be no part of a key, so that it may be anything.
fn key_before(text: &str) -> &str {
    let text = text.trim_end().trim_end_matches(['"', '\'']);
    let is_of_a_name = |c: char| c.is_alphanumeric() || "_-".contains(c);
    let key = text.trim_start_matches(char::is_whitespace);
    let before = key.trim_end_matches(is_of_a_name);
    let key = key.strip_prefix(before).unwrap_or_default();
    let before = before.trim_end_matches(['"', '\'']).trim_end();
    if before.is_empty() || before.ends_with(['{', ',', '.']) {
        key
    } else {
        ""
    }
}

/// Whether a line without a key can be the next element of a value, a comment, or nothing: one
/// quoted text at most, and no bare word.
fn is_element(trimmed: &str) -> bool {
    let element = trimmed.split('#').next().unwrap_or_default();
    let mut rest = element.split(['"', '\'']);
    let is_mark = |c: char| "[]{}, ".contains(c);
    match (rest.next(), rest.next(), rest.next(), rest.next()) {
        (Some(marks), None, ..) => marks.chars().all(is_mark),
        (Some(before), Some(_), Some(after), None) => {
            before.chars().all(is_mark) && after.chars().all(is_mark)
        }
        _ => false,
    }
}

fn begins_with_key(line: &str) -> bool {
    let Some((key, _)) = line.split_once('=') else {
        return false;
    };
    let bare = |c: char| c.is_ascii_alphanumeric() || "_-. ".contains(c);
    !key.trim().is_empty() && key.trim().chars().all(bare)
}

fn opened(hidden: &str) -> State {
    for delimiter in ["\"\"\"", "'''"] {
        if hidden.matches(delimiter).count() % 2 == 1 {
            return State::Inside(delimiter);
        }
    }
    State::Hidden
}

/// Shows a piece, unless it is a URL that may hold a user and a password.
fn show(text: &str, out: &mut String) {
    let url = text.contains("://") || text.contains("url");
    match text.split_once('=') {
        Some((before, value)) if url && value.contains('@') => {
            out.push_str(before);
            out.push('=');
            hide(value, out);
        }
        _ => out.push_str(text),
    }
}

fn hide(text: &str, out: &mut String) {
    let blank = |byte: u8| {
        if matches!(byte, b'\n' | b'\r' | b' ') {
            char::from(byte)
        } else {
            '*'
        }
    };
    out.extend(text.bytes().map(blank));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn harmless_values_are_shown_and_everything_else_is_masked() {
        assert_eq!(mask("level = \"inof\"\n"), "level = \"inof\"\n");
        assert!(!mask("secret = \"hunter2\"").contains("hunter2"));
        assert!(!mask("sercet = hunter2").contains("hunter2"));
        assert!(!mask("issuer = [{ name = 'x', secret = 'hunter2' }]").contains("hunter2"));
        assert!(!mask("secret = \"\"\"\nhunter2\n\"\"\"\nname = 'x'").contains("hunter2"));
        assert!(!mask("secret = [\n 'hunter2',\n]\n").contains("hunter2"));
        assert!(!mask("url = 'http://me:hunter2@cat'").contains("hunter2"));
        assert!(!mask("backend.http_key = 'hunter2'").contains("hunter2"));
        assert!(!mask("\"secret\" = 'hunter2'").contains("hunter2"));
        assert!(!mask("sha256 = 'hunter2'").contains("hunter2"));
        assert!(!mask("http_key 'hunter2'").contains("hunter2"));
        assert!(!mask("http_key: hunter2").contains("hunter2"));
        assert!(!mask("s\u{e9}cret\u{2009} = 'hunter2'").contains("hunter2"));
        assert!(!mask("ws_[cors]key = 'hunter2'").contains("hunter2"));
        assert!(!mask("value plaintext = 'hunter2'").contains("hunter2"));
        assert!(!mask("'value' name = 'hunter2'").contains("hunter2"));
        assert!(!mask("'http_key' 'hunter2'").contains("hunter2"));
        assert!(!mask("http_key\n'hunter2'").contains("hunter2"));
        assert!(!mask("hunter2").contains("hunter2"));
        assert!(mask("methods = [\n 'GET',\n 'PUT'\n] # x\n# y").contains("'PUT'\n] "));
        assert!(mask("secret = 'x'\nname = 'local'\n").contains("local"));
    }

    #[test]
    fn every_key_of_the_schema_is_shown_or_deliberately_hidden() {
        const HIDDEN: &[&str] = &[
            "http_key",
            "jwt_secret",
            "secret",
            "sha256",
            "value",
            "ws_key",
        ];
        let schema = serde_json::to_value(schemars::schema_for!(crate::config::Config)).unwrap();
        let definitions = schema["$defs"].as_object().unwrap().values();
        for part in definitions.chain([&schema]) {
            let Some(properties) = part["properties"].as_object() else {
                continue;
            };
            for name in properties.keys().map(String::as_str) {
                let known = [SHOWN, TABLES, HIDDEN]
                    .iter()
                    .any(|list| list.contains(&name));
                assert!(known, "{name}");
            }
        }
    }

    proptest! {
        #[test]
        fn masking_keeps_every_length_and_hides_a_secret_whatever_stands_around_it(
            before in "[a-z =\\[\\]\"'#\n.{}]{0,40}", after in "\\PC{0,40}",
        ) {
            let text = format!("{before}\nsecret = \"hunter2\"{after}");
            let masked = mask(&text);
            prop_assert_eq!(masked.len(), text.len());
            prop_assert!(!masked.contains("hunter2"));
        }
    }
}

//! The gates that requests are fed to: compiled from configurations, as in the program.

use std::sync::LazyLock;

use crate::clock::Timestamp;
use crate::config::{Environment, Written};
use crate::snapshot::compile::{Context, ProcessKeys, compile};
use crate::snapshot::{Generation, Materials, Snapshot};

/// The credentials that the gates know, and whom each speaks for.
pub(super) const KEYS: [(&str, &str); 3] = [
    ("key-of-alice-0123456789", "alice"),
    ("key-of-bob-0123456789ab", "bob"),
    ("key-of-visitors-0123456", "visitor-"),
];

/// What the backend itself is shown.
pub(super) const BACKEND_HTTP: &str = "backend-key-http-0123456789";
pub(super) const BACKEND_WS: &str = "backend-key-ws-0123456789";

/// A kind of backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Profile {
    Generic,
    CheshireCat1,
}

impl Profile {
    /// What runs for it.
    pub(super) fn snapshot(self) -> &'static Snapshot {
        static GENERIC: LazyLock<Snapshot> = LazyLock::new(|| snapshot("generic"));
        static CHESHIRE_CAT_1: LazyLock<Snapshot> = LazyLock::new(|| snapshot("cheshire-cat-1"));
        match self {
            Self::Generic => &GENERIC,
            Self::CheshireCat1 => &CHESHIRE_CAT_1,
        }
    }
}

fn snapshot(profile: &str) -> Snapshot {
    let [alice, bob, visitors] = KEYS.map(|(key, _)| key);
    let text = format!(
        r#"
        [listen]
        hosts = ["localhost"]
        [backend]
        url = "http://127.0.0.1:1865"
        profile = "{profile}"
        http_key = "{BACKEND_HTTP}"
        ws_key = "{BACKEND_WS}"
        [[key]]
        id = "alice"
        value = "{alice}"
        user = "alice"
        [[key]]
        id = "bob"
        value = "{bob}"
        user = "bob"
        [[key]]
        id = "visitors"
        value = "{visitors}"
        acts_as = ["visitor-*"]
        [[route]]
        path = "/open/**"
        access = "open"
        [[route]]
        path = "/slash/**"
        access = "authenticated"
        encoded_slash = "allow"
        "#
    );
    compiled(&text).unwrap_or_else(|report| panic!("{report}"))
}

/// What runs by this text, or all that is wrong with it.
pub(super) fn compiled(text: &str) -> Result<Snapshot, String> {
    static PROCESS: LazyLock<ProcessKeys> = LazyLock::new(|| ProcessKeys::new().unwrap());
    let written = Written::from_file("doorward.toml", text, &Environment::default());
    let context = Context {
        generation: Generation(1),
        now: Timestamp::from_secs(1_800_000_000),
        keys: &PROCESS,
        store: &crate::auth::Known::NotYet,
    };
    match compile(&written.config, &Materials::default(), &context) {
        Ok(compiled) if written.is_sound() => Ok(compiled.snapshot),
        Ok(_) => Err(written.report([]).to_string()),
        Err(errors) => Err(written.report(errors.0).to_string()),
    }
}

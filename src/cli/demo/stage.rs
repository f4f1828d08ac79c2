//! What the demo plays with: keys, a token, certificates and a configuration, in a private
//! directory that is gone afterwards.

use std::{env, fs, io, net::SocketAddr, os::unix::fs::DirBuilderExt, path::PathBuf};

use anyhow::Context;
use serde_json::Map;

use crate::{
    accounts::ApiKey,
    auth::KeyDigest,
    cli::{
        cert::{self, Bundle},
        sign::sign,
    },
    clock::Timestamp,
    config::Algorithm,
    secret::Secret,
};

/// How long the demo's token is good for, in seconds.
const TOKEN: i64 = 24 * 60 * 60;

/// The files of one demo. Dropping it removes them.
pub(super) struct Stage {
    directory: PathBuf,
    /// The key that is bound to alice.
    pub(super) alice: Secret,
    /// The key that may act for any visitor.
    pub(super) visitors: Secret,
    /// A token of bob's.
    pub(super) bob: String,
}

impl Stage {
    /// Writes everything for a sidecar on loopback at `port`, before `backend`.
    pub(super) fn set(port: u16, backend: SocketAddr, now: Timestamp) -> anyhow::Result<Self> {
        let signing = ApiKey::generate()?.to_secret();
        let stage = Self {
            directory: private_directory()?,
            alice: ApiKey::generate()?.to_secret(),
            visitors: ApiKey::generate()?.to_secret(),
            bob: token("bob", &signing, now)?,
        };
        let hosts = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
        let bundle = Bundle::generate(&hosts, now)?;
        stage.write("ca.pem", bundle.ca.as_bytes())?;
        stage.write("server.pem", bundle.certificate.as_bytes())?;
        stage.write("server.key", bundle.key.as_bytes())?;
        stage.write("jwt.secret", signing.expose())?;
        stage.write("alice.key", stage.alice.expose())?;
        stage.write("visitors.key", stage.visitors.expose())?;
        stage.write("bob.jwt", stage.bob.as_bytes())?;
        stage.write("alice.toml", stage.alice_block().as_bytes())?;
        stage.write(
            "doorward.toml",
            stage.configuration(port, backend).as_bytes(),
        )?;
        Ok(stage)
    }

    /// Where a file of the demo is.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let path = self.path(name);
        cert::write_new(&path, bytes, 0o600).with_context(|| format!("writing {}", path.display()))
    }

    fn configuration(&self, port: u16, backend: SocketAddr) -> String {
        let quoted = |name| toml::Value::from(self.path(name).display().to_string());
        format!(
            r#"# The demo's configuration. Change it and save: it takes effect at once.

[listen]
address = "127.0.0.1:{port}"

[tls]
certificate = {certificate}
key = {key}

[backend]
url = "http://{backend}"
profile = "cheshire-cat-1"

[telemetry]
address = "127.0.0.1:0"

[log]
format = "text"

# The demo backend's own two endpoints, for whoever is known.
[[route]]
path = "/who"
methods = ["GET"]
access = "authenticated"

[[route]]
path = "/demo/events"
methods = ["GET"]
access = "authenticated"

# Tokens: their `sub` is the user.
[[issuer]]
name = "demo"
algorithms = ["HS256"]
secret_file = {secret}

# A key that acts for visitors: its holder says for which.
[[key]]
id = "visitors"
sha256 = "{visitors}"
acts_as = ["visitor-*"]

{alice}"#,
            certificate = quoted("server.pem"),
            key = quoted("server.key"),
            secret = quoted("jwt.secret"),
            visitors = KeyDigest::of(self.visitors.expose()),
            alice = self.alice_block(),
        )
    }

    /// The block that the visitor removes and adds again, between two lines to find it by.
    fn alice_block(&self) -> String {
        format!(
            "# alice: begin\n\
             [[key]]\nid = \"alice\"\nsha256 = \"{}\"\nuser = \"alice\"\n\
             # alice: end\n",
            KeyDigest::of(self.alice.expose())
        )
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // Nobody is left to tell; the system clears its temporary files in time.
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn token(user: &str, secret: &Secret, now: Timestamp) -> anyhow::Result<String> {
    let end = now.as_millis() / 1000 + TOKEN;
    let claims = Map::from_iter([
        ("sub".to_owned(), user.into()),
        ("exp".to_owned(), end.into()),
    ]);
    sign(Algorithm::HS256, &claims, secret).context("HS256 signs")
}

/// A new directory that only its owner may enter, under a name nobody could have taken before.
fn private_directory() -> anyhow::Result<PathBuf> {
    let mut random = [0; 4];
    aws_lc_rs::rand::fill(&mut random)?;
    let name = format!("doorward-demo-{:08x}", u32::from_be_bytes(random));
    let path = env::temp_dir().join(name);
    let made: io::Result<()> = fs::DirBuilder::new().mode(0o700).create(&path);
    made.with_context(|| format!("creating {}", path.display()))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::PermissionsExt, path::Path};

    use super::*;
    use crate::config::{Environment, Written};

    fn stage() -> Stage {
        Stage::set(8443, "127.0.0.1:1865".parse().unwrap(), Timestamp::now()).unwrap()
    }

    #[test]
    fn the_configuration_is_sound() {
        let stage = stage();
        let text = fs::read_to_string(stage.path("doorward.toml")).unwrap();
        let written = Written::from_file("doorward.toml", text, &Environment::default());
        assert!(written.is_sound(), "{}", written.report([]));
        let ids: Vec<_> = written
            .config
            .key
            .iter()
            .map(|key| key.id.as_str())
            .collect();
        assert_eq!(ids, ["visitors", "alice"]);
    }

    #[test]
    fn only_the_owner_may_look_and_nothing_is_left_behind() {
        let stage = stage();
        let directory = stage.directory.clone();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&directory), 0o700);
        for entry in fs::read_dir(&directory).unwrap() {
            assert_eq!(mode(&entry.unwrap().path()), 0o600);
        }
        drop(stage);
        assert!(!directory.exists());
    }

    #[test]
    fn no_key_stands_in_the_configuration() {
        let stage = stage();
        let text = fs::read_to_string(stage.path("doorward.toml")).unwrap();
        for key in [&stage.alice, &stage.visitors] {
            assert!(!text.contains(std::str::from_utf8(key.expose()).unwrap()));
        }
    }
}

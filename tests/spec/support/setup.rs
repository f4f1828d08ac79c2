//! The configuration of a sidecar under test, as text.

use std::{collections::BTreeMap, fmt::Write as _, fs, os::unix::fs::symlink, path::Path};

use aws_lc_rs::digest;

use tokio::process::Command;

use super::{
    Backend, Sidecar,
    process::{doorward, limited},
    tokens::SECRET,
};

/// The public host in every request that says nothing else.
pub const HOST: &str = "chat.example";
/// What the backend is shown on HTTP, where a spec gives it a key of its own.
pub const CAT_HTTP_KEY: &str = "backend-http-key-0123456789";
/// What the backend is shown on WebSockets.
pub const CAT_WS_KEY: &str = "backend-ws-key-0123456789";

/// The key that [`Setup::key`] declares for a name.
pub fn key_of(name: &str) -> String {
    format!("key-of-{name}-0123456789abcdefghijklmnopqrstuvwxyz")
}

/// SHA-256 in hex, as the configuration wants it.
pub fn digest(key: &str) -> String {
    let digest = digest::digest(&digest::SHA256, key.as_bytes());
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the operator writes.
#[derive(Clone)]
pub struct Setup {
    tables: BTreeMap<&'static str, Vec<String>>,
    blocks: Vec<(String, String)>,
    files: BTreeMap<String, String>,
    links: Vec<(String, String)>,
    environment: Vec<(String, String)>,
    open_files: Option<u32>,
}

impl Setup {
    /// In front of this backend, by the profile `generic`; nobody may pass yet.
    pub fn before(backend: &Backend) -> Self {
        Self::before_url(backend.url())
    }

    /// In front of whatever is there.
    pub fn before_url(url: &str) -> Self {
        let setup = Self {
            tables: BTreeMap::new(),
            blocks: Vec::new(),
            files: BTreeMap::new(),
            links: Vec::new(),
            environment: Vec::new(),
            open_files: None,
        };
        setup
            .set("backend", &format!("url = {url:?}"))
            .set("listen", "address = \"127.0.0.1:0\"")
            .set("listen", "workers = 1")
            .set("tls", "certificate = \"server.pem\"")
            .set("tls", "key = \"server.key\"")
            .set("telemetry", "address = \"127.0.0.1:0\"")
            // A spec may try many bad credentials; `limits` has one about the usual limit.
            .set("limits", "failures_per_address = \"off\"")
    }

    /// In front of this backend by the environment alone.
    pub fn from_environment(backend: &Backend) -> Self {
        let mut setup = Self::before(backend);
        setup.tables.clear();
        setup
            .environment("DOORWARD_BACKEND_URL", backend.url())
            .environment("DOORWARD_LISTEN", "127.0.0.1:0")
            .environment("DOORWARD_TLS_CERTIFICATE", "server.pem")
            .environment("DOORWARD_TLS_KEY", "server.key")
            .environment("DOORWARD_TELEMETRY_ADDRESS", "127.0.0.1:0")
    }

    /// In front of a Cheshire Cat 1.x, with keys of the backend's own.
    pub fn cat(backend: &Backend) -> Self {
        Self::before(backend)
            .set("backend", "profile = \"cheshire-cat-1\"")
            .set("backend", &format!("http_key = {CAT_HTTP_KEY:?}"))
            .set("backend", &format!("ws_key = {CAT_WS_KEY:?}"))
    }

    /// Without a certificate; on loopback there may be none.
    pub fn without_tls(mut self) -> Self {
        self.tables.remove("tls");
        self
    }

    /// A line of a table; it replaces an earlier line for the same setting.
    pub fn set(mut self, table: &'static str, line: &str) -> Self {
        let name = |line: &str| line.split('=').next().unwrap().trim().to_owned();
        let lines = self.tables.entry(table).or_default();
        lines.retain(|earlier| name(earlier) != name(line));
        lines.push(line.to_owned());
        self
    }

    /// A whole block under a name, to be removed or replaced by it.
    pub fn block(mut self, name: &str, text: &str) -> Self {
        self.blocks.retain(|(earlier, _)| earlier != name);
        self.blocks.push((name.to_owned(), text.to_owned()));
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        let before = self.blocks.len();
        self.blocks.retain(|(block, _)| block != name);
        assert!(self.blocks.len() < before, "no block {name}");
        self
    }

    /// A key bound to the user of that name.
    pub fn key(self, user: &str) -> Self {
        self.key_with(user, &format!("user = {user:?}"))
    }

    /// A key with settings of its own.
    pub fn key_with(self, id: &str, settings: &str) -> Self {
        let digest = digest(&key_of(id));
        self.block(id, &format!("[[key]]\nid = {id:?}\nsha256 = {digest:?}\n{settings}\n"))
    }

    /// An issuer of HS256 tokens with [`SECRET`], named `local`.
    pub fn issuer(self) -> Self {
        self.issuer_with("")
    }

    /// The same with more settings.
    pub fn issuer_with(self, settings: &str) -> Self {
        let text = "[[issuer]]\nname = \"local\"\nalgorithms = [\"HS256\"]\nsecret_file = \"jwt-secret\"\n";
        let user = if settings.contains("user =") { "" } else { "user = \"{sub}\"\n" };
        self.file("jwt-secret", SECRET).block("issuer", &format!("{text}{user}{settings}\n"))
    }

    /// A rule before the profile's own.
    pub fn route(self, path: &str, settings: &str) -> Self {
        self.block(
            &format!("route {path} {settings}"),
            &format!("[[route]]\npath = {path:?}\n{settings}\n"),
        )
    }

    /// A file beside the configuration.
    pub fn file(mut self, name: &str, text: &str) -> Self {
        self.files.insert(name.to_owned(), text.to_owned());
        self
    }

    /// A symbolic link beside the configuration, to where it points.
    pub fn link(mut self, name: &str, to: &str) -> Self {
        self.links.push((name.to_owned(), to.to_owned()));
        self
    }

    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With so many file descriptors and no more.
    pub fn open_files(mut self, limit: u32) -> Self {
        self.open_files = Some(limit);
        self
    }

    /// The command that runs it.
    pub(super) fn command(&self) -> Command {
        let serve: &[&str] = if self.tables.is_empty() {
            &["serve"]
        } else {
            &["serve", "--config", "doorward.toml"]
        };
        let mut command = match self.open_files {
            Some(limit) => limited(limit, serve),
            None => doorward(serve),
        };
        command.envs(self.environment.iter().cloned());
        command
    }

    /// The text of the configuration file.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (table, lines) in &self.tables {
            writeln!(text, "[{table}]\n{}\n", lines.join("\n")).unwrap();
        }
        for (_, block) in &self.blocks {
            writeln!(text, "{block}").unwrap();
        }
        text
    }

    /// Writes everything into a directory.
    pub fn write_to(&self, dir: &Path) {
        let place = |name: &str| {
            let path = dir.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            path
        };
        for (name, text) in &self.files {
            fs::write(place(name), text).unwrap();
        }
        for (name, to) in &self.links {
            symlink(to, place(name)).unwrap();
        }
        if !self.tables.is_empty() {
            fs::write(place("doorward.toml"), self.text()).unwrap();
        }
    }

    /// What it says when it will not start.
    pub async fn refused(self) -> String {
        Sidecar::refused(self).await
    }

    /// Runs the binary with it, until it says that it is ready.
    pub async fn start(self) -> Sidecar {
        Sidecar::start(self).await
    }
}

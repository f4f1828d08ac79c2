//! Declared keys: `[[key]]` and `[[keys_file]]`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::Findings;
use super::secrets::{self, NOT_LOADED, PUBLISHED, Weak};
use crate::auth::{
    KeyDigest, KeySettings, KeyTable, KeyTableBuilder, Permission, Permissions, SpeaksFor,
    Transport, Transports, UserGlob, UserId,
};
use crate::clock::Timestamp;
use crate::config::{Config, Expiry, Key, KeyTransport, KeysFile};
use crate::snapshot::Materials;

/// The shortest key that may be written out, in bytes.
const LEAST: usize = 16;

/// The table of all declared keys; `base` is what a key has that names no permissions.
pub(super) fn compile(
    config: &Config,
    base: &[String],
    materials: &Materials,
    now: Timestamp,
    findings: &mut Findings,
) -> Arc<KeyTable> {
    let mut compiler = Compiler {
        base: permissions(base, || "backend.profile".to_owned(), findings),
        weak: Weak::from_setting(config),
        published: PUBLISHED.map(|published| KeyDigest::of(published.as_bytes())),
        ids: HashSet::with_capacity(config.key.len()),
        table: KeyTable::builder(),
        permissions: HashMap::new(),
        globs: HashMap::new(),
        materials,
        now,
        findings,
    };
    for (index, key) in config.key.iter().enumerate() {
        compiler.key(index, key);
    }
    for (index, file) in config.keys_file.iter().enumerate() {
        compiler.file(index, file);
    }
    compiler.table.build()
}

struct Compiler<'c, 'f> {
    base: Permissions,
    weak: Weak,
    published: [KeyDigest; PUBLISHED.len()],
    ids: HashSet<&'c str>,
    table: KeyTableBuilder,
    /// Most keys share a few sets of permissions and globs: each is made once.
    permissions: HashMap<&'c [String], Permissions>,
    globs: HashMap<&'c [String], Option<Arc<[UserGlob]>>>,
    materials: &'c Materials,
    now: Timestamp,
    findings: &'f mut Findings,
}

/// What a key and a file of keys have in common.
struct Grant<'c> {
    user: Option<&'c str>,
    acts_as: &'c [String],
    permissions: Option<&'c [String]>,
    transports: &'c [KeyTransport],
    expires: Option<Expiry>,
}

/// A place in one of the lists; the path is only made when something is wrong.
#[derive(Clone, Copy)]
struct Place {
    list: &'static str,
    index: usize,
}

impl Place {
    fn at(self, field: &str) -> String {
        format!("{}[{}].{field}", self.list, self.index)
    }
}

impl<'c> Compiler<'c, '_> {
    fn key(&mut self, index: usize, key: &'c Key) {
        let place = Place { list: "key", index };
        if key.id.is_empty() || key.id.chars().any(char::is_control) {
            self.findings
                .error(place.at("id"), "an id is visible text, and not empty");
        }
        if !self.ids.insert(&key.id) {
            let message = format!("another key has the id `{}`", key.id);
            self.findings.error(place.at("id"), message);
        }
        let grant = Grant {
            user: key.user.as_deref(),
            acts_as: &key.acts_as,
            permissions: key.permissions.as_deref(),
            transports: &key.transports,
            expires: key.expires,
        };
        let digest = self.digest(place, key);
        let settings = self.settings(place, key.id.as_str().into(), &grant);
        if let (Some(digest), Some(settings)) = (digest, settings)
            && let Err(conflict) = self.table.key(digest, settings)
        {
            let field = if key.sha256.is_some() { "sha256" } else { "id" };
            self.findings.error(place.at(field), conflict);
        }
    }

    fn digest(&mut self, place: Place, key: &Key) -> Option<KeyDigest> {
        if let Some(digest) = key.sha256 {
            if key.value.is_some() || key.value_file.is_some() || key.value_env.is_some() {
                let message = "a key is given by its digest or by its value, not by both";
                self.findings.error(place.at("sha256"), message);
            }
            if self.published.contains(&digest.0) {
                let why = "this key is published as a default: anyone knows it";
                self.weak.report(&place.at("sha256"), why, self.findings);
            }
            return Some(digest.0);
        }
        let source = key.value();
        if source == Ok(None) {
            let message = "a key needs sha256, value, value_file or value_env";
            self.findings.error(place.at("sha256"), message);
        }
        let fetched = secrets::fetch(source, || place.at("value"), self.materials, self.findings)?;
        self.weak.judge(&fetched, LEAST, self.findings);
        let value = fetched.secret.expose();
        if value.trim_ascii() != value || value.iter().any(u8::is_ascii_control) {
            let message = "no header can carry this key: it begins or ends with a blank, or has a \
                line break or another control character";
            self.findings.error(fetched.at, message);
            return None;
        }
        Some(KeyDigest::of(value))
    }

    fn file(&mut self, index: usize, file: &'c KeysFile) {
        let place = Place {
            list: "keys_file",
            index,
        };
        let grant = Grant {
            user: file.user.as_deref(),
            acts_as: &file.acts_as,
            permissions: file.permissions.as_deref(),
            transports: &file.transports,
            expires: file.expires,
        };
        let name = file.path.to_string_lossy();
        let settings = self.settings(place, name.as_ref().into(), &grant);
        let Some(keys) = self.materials.key_file(&file.path) else {
            return self.findings.error(place.at("path"), NOT_LOADED);
        };
        if self
            .published
            .iter()
            .any(|published| keys.0.contains(published))
        {
            let why = "a key in this file is published as a default: anyone knows it";
            self.weak.report(&place.at("path"), why, self.findings);
        }
        if let Some(settings) = settings
            && let Err(conflicts) = self.table.file(&keys.0, settings)
        {
            for conflict in conflicts {
                self.findings.error(place.at("path"), conflict);
            }
        }
    }

    fn settings(&mut self, place: Place, name: Arc<str>, grant: &Grant<'c>) -> Option<KeySettings> {
        if grant.expires.is_some_and(|expires| expires.0 <= self.now) {
            self.findings
                .warning(place.at("expires"), "this has expired");
        }
        let transports = match grant.transports {
            [] => {
                self.findings
                    .error(place.at("transports"), "a key for no transport is no key");
                return None;
            }
            some => transports(some),
        };
        let permissions = self.permissions(place, grant.permissions);
        let speaks_for = self.speaks_for(place, grant)?;
        let expires = grant.expires.map(|expires| expires.0);
        Some(KeySettings {
            name,
            speaks_for,
            permissions,
            transports,
            expires,
        })
    }

    fn permissions(&mut self, place: Place, written: Option<&'c [String]>) -> Permissions {
        let Some(written) = written else {
            return self.base.clone();
        };
        if let Some(known) = self.permissions.get(written) {
            return known.clone();
        }
        let made = permissions(written, || place.at("permissions"), self.findings);
        self.permissions.insert(written, made.clone());
        made
    }

    fn speaks_for(&mut self, place: Place, grant: &Grant<'c>) -> Option<SpeaksFor> {
        match (grant.user, grant.acts_as) {
            (Some(user), []) => {
                let user = UserId::parse(user).map_err(|error| {
                    self.findings.error(place.at("user"), error);
                });
                user.ok().map(SpeaksFor::Bound)
            }
            (None, []) => {
                let message = "a key is bound to a `user` or lists whom it `acts_as`";
                self.findings.error(place.at("user"), message);
                None
            }
            (Some(_), _) => {
                let message = "a key is bound to a `user` or `acts_as` others, never both";
                self.findings.error(place.at("acts_as"), message);
                None
            }
            (None, written) => self.globs(place, written).map(SpeaksFor::Acting),
        }
    }

    fn globs(&mut self, place: Place, written: &'c [String]) -> Option<Arc<[UserGlob]>> {
        if let Some(known) = self.globs.get(written) {
            return known.clone();
        }
        let mut globs = Vec::new();
        for (index, text) in written.iter().enumerate() {
            match UserGlob::parse(text) {
                Ok(glob) => globs.push(glob),
                Err(error) => {
                    let at = format!("{}[{index}]", place.at("acts_as"));
                    self.findings.error(at, error);
                }
            }
        }
        let made = (globs.len() == written.len()).then(|| globs.into());
        self.globs.insert(written, made.clone());
        made
    }
}

/// A set of permissions from its texts.
pub(super) fn permissions(
    written: &[String],
    at: impl Fn() -> String,
    findings: &mut Findings,
) -> Permissions {
    let parsed = written.iter().filter_map(|text| {
        let permission = Permission::parse(text);
        permission
            .map_err(|error| findings.error(at(), format!("`{text}`: {error}")))
            .ok()
    });
    parsed.collect()
}

fn transports(written: &[KeyTransport]) -> Transports {
    let http = written.contains(&KeyTransport::Http);
    match (http, written.contains(&KeyTransport::WebSocket)) {
        (true, false) => Transports::Only(Transport::Http),
        (false, true) => Transports::Only(Transport::WebSocket),
        _ => Transports::Both,
    }
}

//! The shape of the source, as `src/lib.rs` and `docs/architecture.md` draw it.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test program: whatever fails, fails the test"
)]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// No file of the program is longer, in lines.
const LONGEST: usize = 400;

/// Who may name a status beside the answers that mean "go on" (`proxy/reply.rs` alone refuses
/// requests): what answers requests about users, our other listeners, the demonstration backend, and clients that read statuses.
const STATUSES: [&str; 8] = [
    "src/proxy/reply.rs",
    "src/accounts/service/answer.rs",
    "src/admin/refusal.rs",
    "src/proxy/redirect.rs",
    "src/telemetry/server.rs",
    "src/demo/",
    "src/cli/connect.rs",
    "src/cli/dial.rs",
];

/// A file of the program without its tests.
struct Source {
    /// From the root: `src/auth/mod.rs`.
    path: String,
    code: String,
}

impl Source {
    /// The top-level module it belongs to; none for `lib.rs` and `main.rs`.
    fn module(&self) -> Option<&str> {
        let inside = self.path.strip_prefix("src/").unwrap_or_default();
        let module = inside.split('/').next().unwrap_or_default();
        let module = module.strip_suffix(".rs").unwrap_or(module);
        (!["lib", "main"].contains(&module)).then_some(module)
    }

    /// The lines that are code, with their numbers.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self
            .code
            .lines()
            .map(|line| line.split("//").next().unwrap_or_default());
        (1..).zip(lines)
    }

    /// The top-level modules that it names.
    fn imports(&self) -> Vec<String> {
        let code: Vec<&str> = self.lines().map(|(_, line)| line).collect();
        let code = code.join("\n");
        let after = code.split("crate::").skip(1);
        after.flat_map(first_segments).collect()
    }
}

/// The first names after `crate::`: one, or each of a group.
fn first_segments(text: &str) -> Vec<String> {
    let name = |text: &str| -> String {
        let text = text.trim_start();
        text.chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    };
    let Some(group) = text.strip_prefix('{') else {
        return vec![name(text)];
    };
    let (mut depth, mut names, mut from) = (0_i32, Vec::new(), 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                names.push(name(&group[from..at]));
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                names.push(name(&group[from..at]));
                from = at + 1;
            }
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let below = |path: PathBuf| {
        if path.is_dir() {
            files_below(&path)
        } else {
            vec![path]
        }
    };
    entries.flat_map(below).collect()
}

/// The program: every file but those that are tests.
fn sources() -> Vec<Source> {
    let mut sources = Vec::new();
    for file in files_below(&root().join("src")) {
        let path = file.strip_prefix(root()).unwrap().display().to_string();
        if Path::new(&path).extension().is_some_and(|it| it == "rs")
            && !path.contains("/tests")
            && !path.ends_with("examples.rs")
        {
            let text = fs::read_to_string(file).unwrap();
            let code = text
                .split("#[cfg(test)]\nmod tests {")
                .next()
                .unwrap_or_default()
                .to_owned();
            sources.push(Source { path, code });
        }
    }
    assert!(sources.len() > 50);
    sources
}

/// Where a top-level module stands: its layer, and its place in the list of `lib.rs`.
#[derive(Clone, Copy)]
struct Place {
    layer: u32,
    line: usize,
}

impl Place {
    /// What stands above in the list may be imported, within a layer too; but the two planes of L4
    /// know nothing of each other.
    fn may_import(self, other: Self) -> bool {
        other.line < self.line && (other.layer < self.layer || self.layer != 4)
    }
}

fn places() -> BTreeMap<String, Place> {
    let (mut places, mut layer) = (BTreeMap::new(), None);
    for (line, text) in fs::read_to_string(root().join("src/lib.rs"))
        .unwrap()
        .lines()
        .enumerate()
    {
        if let Some(text) = text.strip_prefix("// L") {
            layer = text
                .split(':')
                .next()
                .and_then(|number| number.parse().ok());
        } else if let Some(module) = text.strip_prefix("pub mod ") {
            let module = module.trim_end_matches(';').to_owned();
            let layer = layer.expect("a module before the first layer");
            places.insert(module, Place { layer, line });
        }
    }
    places
}

/// Asserts that there is nothing to complain of.
fn none(complaints: impl IntoIterator<Item = String>) {
    let complaints: Vec<String> = complaints.into_iter().collect();
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn a_file_imports_only_what_stands_above_and_its_own_folder() {
    let places = places();
    let mut complaints = Vec::new();
    for source in sources() {
        let Some(module) = source.module() else {
            continue;
        };
        for import in source.imports().iter().filter(|import| *import != module) {
            let Some(place) = places.get(import) else {
                continue;
            };
            if !places[module].may_import(*place) {
                complaints.push(format!("{} imports {import}", source.path));
            }
        }
    }
    none(complaints);
}

#[test]
fn every_module_has_a_layer() {
    let places = places();
    let mut layers: Vec<Place> = places.values().copied().collect();
    layers.sort_by_key(|place| place.line);
    assert!(layers.is_sorted_by_key(|place| place.layer));
    let sources = sources();
    let modules = sources.iter().filter_map(Source::module);
    none(
        modules
            .filter(|module| !places.contains_key(*module))
            .map(str::to_owned),
    );
}

#[test]
fn no_file_is_too_long() {
    let long = |source: &Source| {
        let length = fs::read_to_string(root().join(&source.path))
            .unwrap()
            .lines()
            .count();
        (length > LONGEST).then(|| format!("{}: {length} lines", source.path))
    };
    none(sources().iter().filter_map(long));
}

#[test]
fn the_gate_is_pure() {
    let mut complaints = Vec::new();
    for source in sources()
        .iter()
        .filter(|source| source.module() == Some("auth"))
    {
        for (number, line) in source.lines() {
            let waits = [
                ".await",
                "async ",
                "Mutex",
                "RwLock",
                "std::fs",
                "std::io",
                "ToSocketAddrs",
                "tokio",
                "Timestamp::now",
            ];
            for word in waits.iter().filter(|word| line.contains(**word)) {
                complaints.push(format!("{}:{number}: {word}", source.path));
            }
        }
    }
    none(complaints);
}

#[test]
fn the_data_plane_has_no_lock() {
    let mut complaints = Vec::new();
    for source in sources()
        .iter()
        .filter(|source| source.module() == Some("proxy"))
    {
        for (number, line) in source.lines() {
            if ["Mutex", "RwLock", "Semaphore"]
                .iter()
                .any(|lock| line.contains(lock))
            {
                complaints.push(format!("{}:{number}: {line}", source.path));
            }
        }
    }
    none(complaints);
}

#[test]
fn one_file_refuses_requests() {
    let goes_on = [
        "StatusCode::OK",
        "StatusCode::NO_CONTENT",
        "StatusCode::SWITCHING_PROTOCOLS",
        "StatusCode::from_u16",
    ];
    let mut complaints = Vec::new();
    for source in sources() {
        if STATUSES.iter().any(|path| source.path.starts_with(path)) {
            continue;
        }
        for (number, line) in source
            .lines()
            .filter(|(_, line)| line.contains("StatusCode::"))
        {
            if !goes_on.iter().any(|status| line.contains(status)) {
                complaints.push(format!("{}:{number}: {line}", source.path));
            }
        }
    }
    none(complaints);
}

#[test]
fn the_picture_in_the_documentation_is_the_tree() {
    let page = fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let named: Vec<&str> = page
        .split('`')
        .filter(|text| text.starts_with("src/"))
        .collect();
    assert!(!named.is_empty());
    let gone = named.iter().filter(|path| !root().join(path).exists());
    none(gone.map(|path| format!("{path} is in the page only")));
    let folders = fs::read_dir(root().join("src"))
        .unwrap()
        .map(|entry| entry.unwrap());
    let missing = folders.map(|entry| {
        let slash = if entry.path().is_dir() { "/" } else { "" };
        format!("src/{}{slash}", entry.file_name().display())
    });
    let own = |path: &String| path != "src/lib.rs";
    none(
        missing
            .filter(own)
            .filter(|path| !named.contains(&path.as_str()))
            .map(|path| format!("{path} is not in the page")),
    );
}

#[test]
fn nothing_is_named_after_nothing() {
    let vague = [
        "utils", "util", "helpers", "helper", "common", "misc", "types",
    ];
    let is_vague = |source: &Source| {
        let mut names = source.path.split(['/', '.']);
        names
            .any(|name| vague.contains(&name))
            .then(|| source.path.clone())
    };
    none(sources().iter().filter_map(is_vague));
}

#[test]
fn nothing_is_stubbed() {
    let mut complaints = Vec::new();
    for source in sources() {
        for (number, line) in source.lines() {
            if ["todo!(", "unimplemented!(", "unreachable!(", "dbg!("]
                .iter()
                .any(|stub| line.contains(stub))
            {
                complaints.push(format!("{}:{number}: {line}", source.path));
            }
        }
    }
    none(complaints);
}

#[test]
fn imports_are_read_as_they_are_written() {
    let segments = |text| first_segments(text);
    assert_eq!(segments("auth::Gate;"), ["auth"]);
    assert_eq!(
        segments("{auth::{Gate, Denial}, clock::Timestamp, secret};"),
        ["auth", "clock", "secret"]
    );
    assert_eq!(
        segments("{\n    app::App,\n    config::{a, b::{c}},\n};"),
        ["app", "config"]
    );
}

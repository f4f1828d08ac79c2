//! Units and their last good values.

use super::*;
use crate::config::{SecretSource, Written};

struct Made {
    certificate: String,
    key: String,
}

fn made() -> Made {
    let made = rcgen::generate_simple_self_signed(["chat.example".to_owned()]).unwrap();
    Made {
        certificate: made.cert.pem(),
        key: made.signing_key.serialize_pem(),
    }
}

fn reference(kind: ReferenceKind) -> Reference {
    Reference {
        at: "some.setting".to_owned(),
        kind,
    }
}

fn loader(kinds: impl IntoIterator<Item = ReferenceKind>) -> Loader {
    let mut loader = Loader::new(Environment::from([("TOKEN", "from the environment")]));
    let references: Vec<Reference> = kinds.into_iter().map(reference).collect();
    loader.expect(references.iter());
    loader
}

/// Hands in a file's content and returns the one outcome.
fn take(loader: &mut Loader, path: &str, text: &str) -> Vec<Outcome> {
    loader.take(Path::new(path), &Content::bytes(text));
    loader.settle()
}

fn secret(loader: &Loader, path: &str) -> Option<Vec<u8>> {
    let found = loader
        .materials()
        .secret(SecretSource::File(Path::new(path)));
    found.map(|secret| secret.expose().to_vec())
}

#[test]
fn a_missing_or_empty_secret_keeps_the_last_good_value() {
    let mut loader = loader([ReferenceKind::Secret("s".into())]);
    assert_eq!(take(&mut loader, "s", "one\n")[0].fault, None);
    loader.take(Path::new("s"), &Content::Missing);
    let outcomes = loader.settle();
    assert_eq!(outcomes[0].fault.as_deref(), Some("there is no file s"));
    assert!(outcomes[0].kept);
    assert_eq!(secret(&loader, "s").unwrap(), b"one");
    assert!(take(&mut loader, "s", "\n")[0].fault.is_some());
    assert_eq!(secret(&loader, "s").unwrap(), b"one");
    assert_eq!(loader.faults().len(), 1);
    assert_eq!(take(&mut loader, "s", "two")[0].fault, None);
    assert_eq!(secret(&loader, "s").unwrap(), b"two");
    assert!(loader.faults().is_empty());
}

#[test]
fn what_never_was_good_is_an_error_at_its_setting() {
    let references = [reference(ReferenceKind::Secret("absent".into()))];
    let mut loader = Loader::new(Environment::default());
    loader.expect(references.iter());
    loader.take(Path::new("absent"), &Content::Missing);
    assert!(!loader.settle()[0].kept);
    let missing = loader.missing(&references);
    assert_eq!(missing[0].at, "some.setting");
    assert_eq!(missing[0].message, "there is no file absent");
    assert!(
        missing[0]
            .help
            .as_deref()
            .is_some_and(|help| help.contains("working directory"))
    );
}

#[test]
fn a_pair_changes_as_one_and_does_not_touch_its_neighbours() {
    let (old, new) = (made(), made());
    let pair = ReferenceKind::Pair {
        certificate: "c".into(),
        key: "k".into(),
    };
    let mut loader = loader([pair, ReferenceKind::Secret("s".into())]);
    assert!(
        take(&mut loader, "c", &old.certificate).is_empty(),
        "half a pair says nothing"
    );
    assert_eq!(take(&mut loader, "k", &old.key)[0].fault, None);
    let serial = |loader: &Loader| {
        let materials = loader.materials();
        let pair = materials
            .pair(Path::new("c"), Path::new("k"))
            .unwrap()
            .clone();
        pair.certified_key().cert[0].clone()
    };
    let before = serial(&loader);
    loader.take(Path::new("c"), &Content::bytes(new.certificate));
    let outcomes = take(&mut loader, "s", "revoked");
    assert!(
        outcomes[0]
            .fault
            .as_deref()
            .unwrap()
            .contains("does not belong"),
        "{outcomes:?}"
    );
    assert_eq!(outcomes[1].fault, None);
    assert_eq!(serial(&loader), before);
    assert_eq!(secret(&loader, "s").unwrap(), b"revoked");
    assert_eq!(take(&mut loader, "k", &new.key)[0].fault, None);
    assert_ne!(serial(&loader), before);
}

#[test]
fn a_damaged_key_file_keeps_the_last_good_keys() {
    let digest = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae";
    let mut loader = loader([ReferenceKind::KeyFile("k".into())]);
    take(&mut loader, "k", &format!("{digest}\n"));
    let damaged = &digest[..40];
    assert!(
        take(&mut loader, "k", damaged)[0]
            .fault
            .as_deref()
            .unwrap()
            .contains("line 1")
    );
    assert_eq!(
        loader.materials().key_file(Path::new("k")).unwrap().0.len(),
        1
    );
    assert_eq!(take(&mut loader, "k", "")[0].fault, None);
    assert!(
        loader
            .materials()
            .key_file(Path::new("k"))
            .unwrap()
            .0
            .is_empty()
    );
}

#[test]
fn a_variable_is_a_secret_and_needs_no_file() {
    let mut loader = loader([
        ReferenceKind::Variable("TOKEN".into()),
        ReferenceKind::Variable("NO".into()),
    ]);
    assert!(loader.unread().is_empty());
    let outcomes = loader.settle();
    assert_eq!(
        outcomes
            .iter()
            .filter(|outcome| outcome.fault.is_some())
            .count(),
        1
    );
    let secret = loader
        .materials()
        .secret(SecretSource::Variable("TOKEN"))
        .unwrap();
    assert_eq!(secret.expose(), b"from the environment");
}

#[test]
fn a_unit_that_stays_referred_to_keeps_its_value_and_others_are_forgotten() {
    let [a, b] = ["a", "b"].map(|path| reference(ReferenceKind::Secret(path.into())));
    let mut loader = Loader::new(Environment::default());
    loader.expect([&a, &b, &a].into_iter());
    take(&mut loader, "a", "a");
    take(&mut loader, "b", "b");
    assert_eq!(loader.expect([&a, &a].into_iter()), ["b"]);
    assert_eq!(loader.paths(), BTreeSet::from(["a".into()]));
    assert!(loader.unread().is_empty());
    assert!(secret(&loader, "a").is_some() && secret(&loader, "b").is_none());
}

#[test]
fn no_fault_repeats_what_is_in_the_file() {
    let path = |make: fn(PathBuf) -> ReferenceKind| make("f".into());
    let kinds = [
        path(ReferenceKind::KeyFile),
        path(ReferenceKind::PublicKey),
        path(ReferenceKind::KeySet),
        path(ReferenceKind::CaFile),
    ];
    let mut loader = loader(kinds);
    let outcomes = take(&mut loader, "f", "hunter2");
    assert_eq!(
        outcomes
            .iter()
            .filter(|outcome| outcome.fault.is_some())
            .count(),
        4
    );
    assert!(!format!("{outcomes:?}").contains("hunter2"));
}

#[test]
fn loading_once_reports_every_fault_at_its_setting() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("good"), "a secret of some length").unwrap();
    let text = format!(
        "[tls]\ncertificate = '{0}/c'\nkey = '{0}/k'\n[backend]\nurl = 'http://127.0.0.1:1'\n\
         http_key_file = '{0}/good'\nws_key_file = '{0}/absent'\n",
        dir.path().display()
    );
    let written = Written::from_file("f", text, &Environment::default());
    let (materials, faults) = load(&written.config, &Environment::default());
    let settings: Vec<&str> = faults.iter().map(|fault| fault.at.as_str()).collect();
    assert_eq!(settings, ["tls.certificate", "backend.ws_key_file"]);
    let good = written.config.backend.http_credential().unwrap().unwrap();
    assert!(materials.secret(good).is_some());
}

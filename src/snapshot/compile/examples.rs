//! Every file in `config/` compiles, with materials of the kinds that it refers to.

use std::sync::Arc;

use super::{Context, ProcessKeys, compile};
use crate::auth::{KeyDigest, KeySet};
use crate::clock::Timestamp;
use crate::config::{Config, Environment, KeyFile, ReferenceKind, Written};
use crate::secret::Secret;
use crate::snapshot::{Generation, Material, Materials};
use crate::tls::{certificate::Pair, client::client_config};

/// One key of each asymmetric kind that the examples name.
const KEY_SET: &str = r#"{"keys": [
    {"kty": "RSA", "kid": "r", "e": "AQAB", "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"},
    {"kty": "EC", "crv": "P-256", "kid": "e", "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}
]}"#;

/// Something of the right kind for each reference.
fn materials(config: &Config) -> Materials {
    let certificate = rcgen::generate_simple_self_signed(["chat.example".to_owned()]).unwrap();
    let chain = certificate.cert.pem();
    let key = certificate.signing_key.serialize_pem();
    let pair = Arc::new(Pair::parse(chain.as_bytes(), key.as_bytes()).unwrap());
    let mut materials = Materials::default();
    for (number, reference) in config.references().into_iter().enumerate() {
        let material = match &reference.kind {
            ReferenceKind::Pair { .. } => Material::Pair(Arc::clone(&pair)),
            ReferenceKind::Secret(_) | ReferenceKind::Variable(_) => {
                Material::Secret(Arc::new(Secret::new(format!("{number:040}"))))
            }
            ReferenceKind::KeyFile(_) => {
                Material::KeyFile(Arc::new(KeyFile(vec![KeyDigest::of(b"a partner's key")])))
            }
            ReferenceKind::PublicKey(_) | ReferenceKind::KeySet(_) => {
                Material::Keys(Arc::new(KeySet::from_jwks(KEY_SET.as_bytes()).unwrap()))
            }
            ReferenceKind::CaFile(_) | ReferenceKind::SystemRoots => {
                Material::Trust(client_config(Some(chain.as_bytes())).unwrap())
            }
            ReferenceKind::Profile(path) => panic!("an example names {}", path.display()),
        };
        materials.insert(reference.kind, material);
    }
    materials
}

#[test]
fn every_example_compiles_without_a_warning() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/config");
    let mut seen = 0;
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let written = Written::from_file(path.display().to_string(), text, &Environment::default());
        assert!(written.is_sound(), "{}", written.report([]));
        let keys = ProcessKeys::new().unwrap();
        let context = Context {
            generation: Generation(1),
            now: Timestamp::now(),
            keys: &keys,
            store: &crate::auth::Known::NotYet,
        };
        match compile(&written.config, &materials(&written.config), &context) {
            Ok(compiled) => assert!(
                compiled.warnings.is_empty(),
                "{path:?}: {:?}",
                compiled.warnings
            ),
            Err(errors) => panic!("{}", written.report(errors.0)),
        }
        seen += 1;
    }
    assert!(seen >= 5, "{seen} examples");
}

#[test]
fn the_full_example_names_every_key_of_the_schema() {
    let text = include_str!("../../../config/doorward.toml");
    let schema = crate::config::schema();
    let definitions = schema["$defs"].as_object().unwrap().values();
    for part in definitions.chain([&schema]) {
        let Some(properties) = part["properties"].as_object() else {
            continue;
        };
        for name in properties.keys() {
            let secret = ["_file", "_env"]
                .iter()
                .any(|end| text.contains(&format!("{name}{end} = ")))
                || ["_file", "_env"].iter().any(|end| {
                    name.strip_suffix(end)
                        .is_some_and(|base| text.contains(&format!("{base}_")))
                });
            let written = secret
                || text.contains(&format!("{name} = "))
                || text.contains(&format!("[{name}]"))
                || text.contains(&format!("{name}]]"))
                || text.contains(&format!(".{name}]"))
                || text.contains(&format!("or {name}"));
            assert!(written, "{name}");
        }
    }
}

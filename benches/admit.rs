//! What one decision of the gate costs: a token whose signature is remembered, a declared key, and
//! keys at random among few and among many, whose requests and entries are in no cache.

#![expect(
    clippy::expect_used,
    reason = "a benchmark that cannot be set up has nothing to measure"
)]

use std::{hint::black_box, sync::Arc, time::Duration};

use criterion::{Criterion, criterion_group, criterion_main};
use doorward::{
    auth::{
        Access, Algorithm, Audience, Carrier, Decision, EncodedSlashes, Extraction, Gate,
        HostPattern, Hosts, IssuerSettings, JwtVerifier, KeyDigest, KeySet, KeySettings, KeyTable,
        Memo, Methods, Origins, Pattern, Permissions, Placement, Policy, Protected, Reserved,
        Rewrite, Rule, SpeaksFor, Transports, UpstreamCredential, UserId, UserTemplate, Verifiers,
    },
    clock::Timestamp,
    secret::Secret,
};
use http::{HeaderName, Request, request::Parts};

/// That of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const SECRET: &[u8] = b"a secret of the benchmark, 32 bytes and more";

/// A gate as `generic` makes it, with this many keys of one file.
fn gate(keys: u32) -> Gate {
    let digests: Vec<_> = (0..keys)
        .map(|n| KeyDigest::of(key(n).as_bytes()))
        .collect();
    let mut table = KeyTable::builder();
    let settings = KeySettings {
        name: "bench".into(),
        speaks_for: SpeaksFor::Bound(UserId::parse("alice").expect("an id")),
        permissions: Permissions::default(),
        transports: Transports::Both,
        expires: None,
    };
    table.file(&digests, settings).expect("distinct keys");
    let header = HeaderName::from_static("user_id");
    let none = || UpstreamCredential::None;
    Gate {
        hosts: Hosts::new(vec![HostPattern::parse("chat.example")]),
        origins: Origins::default(),
        extraction: Extraction {
            http: vec![
                Carrier::Bearer,
                Carrier::Header(HeaderName::from_static("x-api-key")),
            ],
            websocket: vec![Carrier::Bearer, Carrier::Query("token".into())],
            token_size: 8192,
        },
        verifiers: Verifiers {
            keys: table.build(),
            issuers: vec![issuer()],
            default_user: None,
        },
        policy: Policy::new(vec![Rule {
            name: "/**".into(),
            pattern: Pattern::parse("/**").expect("a pattern"),
            methods: Methods::All,
            access: Access::Authenticated,
            encoded_slash: EncodedSlashes::Refuse,
        }]),
        rewrite: Rewrite {
            protected: Protected::new(["user_id"]),
            cookies: Vec::new(),
            credential_parameter: Some("token".into()),
            http: Placement::Headers(vec![header.clone()]),
            websocket: Placement::Headers(vec![header]),
            http_credential: none(),
            websocket_credential: none(),
        },
    }
}

fn issuer() -> JwtVerifier {
    let settings = IssuerSettings {
        name: "local".into(),
        algorithms: vec![Algorithm::HS256],
        issuer: None,
        audience: Audience::Unnamed,
        user: UserTemplate::parse("{sub}").expect("a template"),
        require: vec!["exp".into()],
        leeway: Duration::from_secs(30),
        permissions_claim: None,
        default_permissions: Vec::new(),
        roles: std::collections::HashMap::new(),
        reserved: Reserved::default(),
    };
    let keys = KeySet::from_secret(&Secret::new(SECRET)).expect("a secret");
    JwtVerifier::new(settings, Arc::new(keys))
}

fn key(n: u32) -> String {
    format!("dw_{n:038}")
}

fn token() -> String {
    let claims = serde_json::json!({"sub": "alice", "exp": NOW.as_millis() / 1000 + 3600});
    let key = jsonwebtoken::EncodingKey::from_secret(SECRET);
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).expect("a token")
}

fn head(credential: &str) -> Parts {
    let request = Request::builder()
        .method("POST")
        .uri("/message")
        .header("host", "chat.example")
        .header("user-agent", "python-requests/2.32.3")
        .header("accept-encoding", "gzip, deflate")
        .header("accept", "*/*")
        .header("connection", "keep-alive")
        .header("content-type", "application/json")
        .header("content-length", "17")
        .header("authorization", format!("Bearer {credential}"))
        .header("user_id", "mallory");
    request.body(()).expect("a request").into_parts().0
}

/// The decision is handed back, so that dropping it isn't measured: the head goes on upstream.
fn admit(gate: &Gate, head: Parts, memo: &mut Memo) -> Decision {
    let decision = gate.admit(head, memo, NOW);
    assert!(matches!(black_box(&decision), Decision::Admit(_)));
    decision
}

fn benches(criterion: &mut Criterion) {
    let mut memo = Memo::new(16_384);
    // As many heads as a busy worker has in its hands, which its cache can hold.
    let batch = criterion::BatchSize::NumIterations(64);
    let small = gate(10_000);
    criterion.bench_function("admit/remembered token", |bencher| {
        let token = token();
        bencher.iter_batched(
            || head(&token),
            |head| admit(&small, head, &mut memo),
            batch,
        );
    });
    criterion.bench_function("admit/a key", |bencher| {
        let key = key(7);
        bencher.iter_batched(|| head(&key), |head| admit(&small, head, &mut memo), batch);
    });
    drop(small);
    for (name, count) in [("10,000", 10_000), ("1,000,000", 1_000_000)] {
        let gate = std::cell::LazyCell::new(|| gate(count));
        criterion.bench_function(&format!("admit/a key of {name}, at random"), |bencher| {
            // Distinct heads made in advance, so that no key is in a cache by having been made.
            let mut state = 1_u32;
            let mut random = move || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                head(&key((state >> 8) % count))
            };
            let large = criterion::BatchSize::NumIterations(2_000);
            bencher.iter_batched(&mut random, |head| admit(&gate, head, &mut memo), large);
        });
    }
}

criterion_group! {
    name = group;
    config = Criterion::default().sample_size(40).measurement_time(Duration::from_secs(4));
    targets = benches
}
criterion_main!(group);

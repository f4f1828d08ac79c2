//! A gate as `generic` makes it, and requests for it.

use std::sync::Arc;
use std::time::Duration;

use doorward::{
    auth::{
        Access, Algorithm, Audience, Carrier, EncodedSlashes, Extraction, Gate, HostPattern, Hosts,
        IssuerSettings, JwtVerifier, KeyDigest, KeySet, KeySettings, KeyTable, Methods, Origins,
        Pattern, Permissions, Placement, Policy, Protected, Reserved, Rewrite, Rule, SpeaksFor,
        Transports, UpstreamCredential, UserId, UserTemplate, Verifiers,
    },
    clock::Timestamp,
    secret::Secret,
};
use http::{HeaderName, Request, request::Parts};

pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const SECRET: &[u8] = b"a secret of the benchmark, 32 bytes and more";

/// A gate with this many keys of one file.
pub(crate) fn gate(keys: u32) -> Gate {
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
            ..Verifiers::default()
        },
        policy: Policy::new(vec![Rule {
            name: "/**".into(),
            pattern: Pattern::parse("/**").expect("a pattern"),
            methods: Methods::All,
            access: Access::Authenticated,
            others: None,
            cookie_credential: doorward::auth::CookieCredential::Accept,
            login_cookies: doorward::auth::LoginCookies::Strip,
            encoded_slash: EncodedSlashes::Refuse,
            destination: doorward::auth::Destination::Backend,
        }]),
        rewrite: Rewrite {
            protected: Protected::new(["user_id"]),
            cookies: Vec::new(),
            login_cookies: Vec::new(),
            backend_cookie: None,
            credential_parameter: Some("token".into()),
            http: Placement::Headers(vec![header.clone()]),
            websocket: Placement::Headers(vec![header]),
            http_credential: none(),
            websocket_credential: none(),
        },
        visitors: doorward::auth::Visitors::new(
            &doorward::secret::Secret::new("a secret of this test"),
            std::time::Duration::from_hours(1),
            Vec::new(),
        ),
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
        revoked: Vec::new(),
        reserved: Reserved::default(),
    };
    let keys = KeySet::from_secret(&Secret::new(SECRET)).expect("a secret");
    JwtVerifier::new(settings, Arc::new(keys))
}

pub(crate) fn key(n: u32) -> String {
    format!("dw_{n:038}")
}

pub(crate) fn token() -> String {
    let claims = serde_json::json!({"sub": "alice", "exp": NOW.as_millis() / 1000 + 3600});
    let key = jsonwebtoken::EncodingKey::from_secret(SECRET);
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).expect("a token")
}

pub(crate) fn head(credential: &str) -> Parts {
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

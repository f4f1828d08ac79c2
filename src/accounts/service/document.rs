//! The API as a document: what the handlers say of themselves, and what the gate answers before one
//! of them is asked.

use serde::Serialize;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Components, ContentBuilder, OpenApi, Ref, Response};
use utoipa::{Modify, ToSchema};

use super::answer::Problems;
use crate::auth::Accounts;

/// What is documented of it: an `OpenAPI` 3.1 document.
#[must_use]
pub fn document() -> OpenApi {
    let mut document = super::api().split_for_parts().1;
    for item in document.paths.paths.values_mut() {
        for operation in operations(item) {
            add_refusals_of_the_gate(operation);
        }
    }
    document
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "doorward accounts",
        description = "Logins, users and their keys; behind `accounts.prefix`."
    ),
    components(schemas(BadRequest, RefusedByTheGate)),
    security(("credential" = []), ("session" = [])),
    modifiers(&Credential, &Session),
)]
pub(super) struct Document;

/// The credential of a request.
pub struct Credential;

impl Modify for Credential {
    fn modify(&self, document: &mut OpenApi) {
        let mut scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
        scheme = scheme.description(Some("A key or a token, as with every other request."));
        let components = document.components.get_or_insert_with(Components::new);
        components.add_security_scheme("credential", SecurityScheme::Http(scheme.build()));
    }
}

/// The session of a browser.
struct Session;

impl Modify for Session {
    fn modify(&self, document: &mut OpenApi) {
        let about = "With the Origin of our own pages. Where a profile has a display token, requests to \
                     `/users` bring it beside the cookie, as a bearer token.";
        let cookie = ApiKey::Cookie(ApiKeyValue::with_description(Accounts::COOKIE, about));
        let components = document.components.get_or_insert_with(Components::new);
        components.add_security_scheme("session", SecurityScheme::ApiKey(cookie));
    }
}

/// A request that is not valid.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its documentation is used")]
pub(super) enum BadRequest {
    /// Some fields are not what they should be.
    Fields(Problems),
    /// It is malformed, or could be read in two ways.
    Malformed(RefusedByTheGate),
}

/// The gate's own words. Who may not is told so in those of the profile.
#[derive(Serialize, ToSchema)]
pub(super) struct RefusedByTheGate {
    /// `bad_request`.
    error: String,
    /// In words; never what was submitted.
    message: String,
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let all = [
        &mut item.get,
        &mut item.post,
        &mut item.put,
        &mut item.delete,
    ];
    all.into_iter().filter_map(Option::as_mut)
}

fn add_refusals_of_the_gate(operation: &mut Operation) {
    let mut malformed = Response::new("Malformed, or it could be read in two ways");
    let words = Ref::from_schema_name("RefusedByTheGate");
    let words = ContentBuilder::new().schema(Some(words)).build();
    malformed
        .content
        .insert("application/json".to_owned(), words.into());
    let others = [
        ("400", malformed),
        (
            "401",
            Response::new("No credential, or none that is good, where the profile says so by 401"),
        ),
        (
            "403",
            Response::new("No good credential, or one that may not"),
        ),
        ("413", Response::new("The body is too large")),
        (
            "429",
            Response::new("Too many failures from this address; see Retry-After"),
        ),
        ("503", Response::new("Not available now; see Retry-After")),
    ];
    for (status, response) in others {
        let responses = &mut operation.responses.responses;
        responses
            .entry(status.to_owned())
            .or_insert(response.into());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::admin;

    fn documents() -> [Value; 2] {
        [document(), admin::document()].map(|document| serde_json::to_value(document).unwrap())
    }

    /// All values of this key, wherever they are.
    fn all<'d>(value: &'d Value, key: &str) -> Vec<&'d str> {
        match value {
            Value::Array(values) => values.iter().flat_map(|value| all(value, key)).collect(),
            Value::Object(fields) => {
                let own = fields.get(key).and_then(Value::as_str);
                own.into_iter()
                    .chain(fields.values().flat_map(|value| all(value, key)))
                    .collect()
            }
            _ => Vec::new(),
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        for document in documents() {
            let references = all(&document, "$ref");
            assert!(references.len() > 10);
            for reference in references {
                let pointer = reference.strip_prefix('#').unwrap();
                assert!(document.pointer(pointer).is_some(), "{reference}");
            }
        }
    }

    #[test]
    fn every_operation_has_a_name_of_its_own() {
        for document in documents() {
            let names = all(&document, "operationId");
            let different: BTreeSet<_> = names.iter().collect();
            assert!(names.len() > 10);
            assert_eq!(different.len(), names.len(), "{names:?}");
        }
    }

    #[test]
    fn what_needs_no_credential_is_said() {
        let [accounts, admin] = documents();
        let open = |document: &Value, path: &str, method: &str| {
            document["paths"][path][method]["security"] == serde_json::json!([{}])
        };
        for (path, method) in [
            ("/auth/token", "post"),
            ("/auth/login", "get"),
            ("/auth/login", "post"),
        ] {
            assert!(open(&accounts, path, method), "{method} {path}");
        }
        assert!(!open(&accounts, "/users", "get"));
        assert_eq!(accounts["security"].as_array().unwrap().len(), 2);
        assert_eq!(admin["security"].as_array().unwrap().len(), 1);
    }
}

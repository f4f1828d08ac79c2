//! [`Asked`]: what a query asks for.

use axum::extract::{FromRequestParts, Query};
use http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use super::refusal::Refusal;
use crate::accounts::service::{Fault, Problem};

/// A query whose fields are all known, and valid.
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Refusal;

    async fn from_request_parts(head: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let query = Query::from_request_parts(head, state).await;
        let Query(asked) = query.map_err(|_| invalid("A field is unknown, or not valid"))?;
        Ok(Self(asked))
    }
}

/// A query that is not valid; in words.
pub(super) fn invalid(msg: &str) -> Refusal {
    let problem = Problem::at("value_error", vec!["query".to_owned()], msg);
    Fault::Invalid(vec![problem]).into()
}

/// How many of a list, 1 to 1000.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "usize")]
pub(super) struct Limit(pub(super) usize);

impl Default for Limit {
    fn default() -> Self {
        Self(100)
    }
}

impl TryFrom<usize> for Limit {
    type Error = &'static str;

    fn try_from(count: usize) -> Result<Self, &'static str> {
        let is_some = (1..=1000).contains(&count);
        is_some.then_some(Self(count)).ok_or("1 to 1000")
    }
}

/// Which part of a list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
#[derive(Default)]
pub(super) struct Slice {
    /// So many are left out at its beginning.
    pub(super) skip: usize,
    /// So many at most.
    #[param(value_type = usize, minimum = 1, maximum = 1000, default = 100)]
    pub(super) limit: Limit,
}

impl Slice {
    pub(super) fn of<T>(&self, all: impl IntoIterator<Item = T>) -> impl Iterator<Item = T> {
        all.into_iter().skip(self.skip).take(self.limit.0)
    }
}

//! `/auth/login`, `/auth/logout`: a browser's session, from a form to its end.

use std::sync::Arc;

use axum::Extension;
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::request::Parts;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::desk::Desk;
use super::fields::Form;
use super::page::{LoginPage, Notice, Try};
use super::referer::Referer;
use super::session::SessionCookies;
use super::tokens::presented_password;
use super::{Actor, Fault};
use crate::auth::Revocation;
use crate::clock::Timestamp;
use crate::proxy::Caller;
use crate::snapshot::AccountsService;
use crate::store::Change;

pub(super) fn routes() -> OpenApiRouter<Arc<Desk>> {
    OpenApiRouter::new()
        .routes(routes!(login_page, log_in))
        .routes(routes!(log_out))
}

/// What the page is asked for with.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// Where to go afterwards: a path of ours.
    referer: Option<String>,
    /// There, if a login has failed just now.
    retry: Option<String>,
}

/// The form, filled in.
#[derive(Deserialize, ToSchema)]
struct Filled {
    username: String,
    password: String,
    /// Where to go afterwards: a path of ours.
    referer: Option<String>,
}

/// The form to log in with.
#[utoipa::path(get, path = "/auth/login", tag = "sessions", security(()), params(Wanted),
    responses((status = 200, description = "A page", body = String, content_type = "text/html")))]
async fn login_page(
    State(desk): State<Arc<Desk>>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Response {
    let settings = desk.settings();
    let wanted = wanted.map(|Query(wanted)| wanted).unwrap_or_default();
    let referer = Referer::or_home(wanted.referer.as_deref(), &settings);
    let attempt = wanted.retry.map_or(Try::First, |_| Try::Again);
    LoginPage::new(&settings.login_path(), &referer, attempt).into_response()
}

/// A session, for the form of our own page. Whatever is wrong with a login, its answer is the same.
#[utoipa::path(post, path = "/auth/login", tag = "sessions", security(()),
    request_body(content = Filled, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 303, description = "Logged in, with the cookies of a session; or back to the form, with `retry=1`"),
        (status = 400, description = "A field is missing"),
        (status = 403, description = "Not sent by a page of ours"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "Not a form"),
        (status = 429, description = "Too many failures; see Retry-After"),
        (status = 503, description = "Too much to do, or no store; see Retry-After"),
    ))]
async fn log_in(
    State(desk): State<Arc<Desk>>,
    Extension(caller): Extension<Caller>,
    _: OurPage,
    filled: Result<Form<Filled>, Fault>,
) -> Result<Response, Notice> {
    let settings = desk.settings();
    let notice = |fault| Notice::of(fault, &settings);
    let Form(filled) = filled.map_err(notice)?;
    let referer = Referer::or_home(filled.referer.as_deref(), &settings);
    let password = presented_password(filled.password).map_err(notice)?;
    let user = match desk.log_in(&filled.username, password, &caller).await {
        Ok(user) => user,
        Err(Fault::Credentials) => {
            let again = settings.login_page(referer.as_str()) + "&retry=1";
            return Ok(Redirect::to(&again).into_response());
        }
        Err(fault) => return Err(notice(fault)),
    };
    let cookies = desk.session(&user).map_err(notice)?;
    let there = Redirect::to(referer.as_str());
    Ok((cookies.into_headers(), there).into_response())
}

/// The end of the browser's session, wherever it is used.
#[utoipa::path(post, path = "/auth/logout", tag = "sessions",
    responses(
        (status = 303, description = "Logged out, if there was a session; to the form"),
        (status = 403, description = "Not sent by a page of ours"),
        (status = 503, description = "No store; see Retry-After"),
        (status = 507, description = "The store's disk is full"),
    ))]
async fn log_out(
    State(desk): State<Arc<Desk>>,
    Extension(caller): Extension<Caller>,
    _: OurPage,
    head: Parts,
) -> Result<Response, Notice> {
    let settings = desk.settings();
    let notice = |fault| Notice::of(fault, &settings);
    desk.end_session(&head, &caller).await.map_err(notice)?;
    let cookies = SessionCookies::cleared(&settings).map_err(notice)?;
    let login = Redirect::to(&settings.login_page(&settings.home));
    Ok((cookies.into_headers(), login).into_response())
}

/// That a page of ours sent the request: a foreign one must not log a browser in, nor out.
struct OurPage;

impl FromRequestParts<Arc<Desk>> for OurPage {
    type Rejection = Notice;

    async fn from_request_parts(head: &mut Parts, desk: &Arc<Desk>) -> Result<Self, Notice> {
        if desk.snapshot().gate.is_of_our_pages(head) {
            return Ok(Self);
        }
        Err(Notice::of(Fault::Forbidden, &desk.settings()))
    }
}

impl Notice {
    fn of(fault: Fault, settings: &AccountsService) -> Self {
        let login = settings.login_path();
        Self { fault, login }
    }
}

impl Desk {
    /// Revokes the token of the session that the request belongs to, and with it the display token
    /// and whatever is open. A session that has ended anyway needs nothing.
    async fn end_session(&self, head: &Parts, caller: &Caller) -> Result<(), Fault> {
        self.directory()?;
        let session = self.snapshot().gate.session(head, Timestamp::now());
        let Some(session) = session else {
            return Ok(());
        };
        let Some((token, _)) = session.own_token() else {
            return Ok(());
        };
        let change = Change::RevokeToken(Revocation {
            token: token.id,
            until: token.expires,
        });
        let by = Actor::new(&session, caller.client.to_string());
        self.ledger.make(change, &by).await
    }
}

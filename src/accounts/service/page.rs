//! [`LoginPage`], [`Notice`]: what a browser shows of logins. No script, nothing from elsewhere, and
//! no word about who has an account.

use askama::Template;
use aws_lc_rs::digest;
use axum::response::{Html, IntoResponse, Response};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderValue, header};

use super::Fault;
use super::referer::Referer;

/// The form of a login.
#[derive(Template)]
#[template(path = "login.html")]
pub(super) struct LoginPage<'p> {
    style: &'static str,
    action: &'p str,
    referer: &'p str,
    attempt: Try,
}

/// Whether a login has failed just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Try {
    First,
    Again,
}

impl<'p> LoginPage<'p> {
    /// The form that is sent to `action`, and leads to `referer`.
    pub(super) const fn new(action: &'p str, referer: &'p Referer, attempt: Try) -> Self {
        Self {
            style: STYLE,
            action,
            referer: referer.as_str(),
            attempt,
        }
    }
}

impl IntoResponse for LoginPage<'_> {
    fn into_response(self) -> Response {
        page(&self)
    }
}

/// Why a login or logout is not done: with the status of its [`Fault`], for people.
#[derive(Debug)]
pub(super) struct Notice {
    pub(super) fault: Fault,
    /// Where the login page is.
    pub(super) login: String,
}

#[derive(Template)]
#[template(path = "notice.html")]
struct NoticePage<'p> {
    style: &'static str,
    notice: &'p str,
    login: &'p str,
}

impl IntoResponse for Notice {
    fn into_response(self) -> Response {
        let mut response = page(&NoticePage {
            style: STYLE,
            notice: sentence(&self.fault),
            login: &self.login,
        });
        let (head, _) = self.fault.into_response().into_parts();
        *response.status_mut() = head.status;
        if let Some(wait) = head.headers.get(header::RETRY_AFTER) {
            let headers = response.headers_mut();
            headers.insert(header::RETRY_AFTER, wait.clone());
        }
        response
    }
}

const STYLE: &str = include_str!("pages/page.css");

fn sentence(fault: &Fault) -> &'static str {
    match fault {
        Fault::TooSoon(_) => "Too many logins have failed. Please wait before you try again.",
        Fault::Invalid(_) | Fault::MediaType => "The form is not filled in.",
        Fault::Forbidden => "This form can be sent from its own page only.",
        _ => "This is not possible at the moment. Please try again later.",
    }
}

fn page(template: &impl Template) -> Response {
    let html = template.render().map_err(|error| {
        tracing::error!(%error, "a page could not be made");
        Fault::Busy
    });
    let mut response = html.map(Html).into_response();
    let headers = response.headers_mut();
    let fixed = [
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // With `no-referrer` a form would be sent with the origin `null` (Fetch, "append a request
        // `Origin` header").
        (header::REFERRER_POLICY, "same-origin"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(policy) = HeaderValue::try_from(content_policy()) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// Our style, and a form that is sent to ourselves (Content Security Policy Level 3).
fn content_policy() -> String {
    let digest = digest::digest(&digest::SHA256, STYLE.as_bytes());
    let style = STANDARD.encode(digest);
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; \
         frame-ancestors 'none'; base-uri 'none'"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_referer_does_not_break_out_of_its_attribute() {
        let referer = Referer::parse("/a\"?b='&c=d").unwrap();
        let page = LoginPage::new("/auth/login", &referer, Try::First);
        let html = page.render().unwrap();
        assert!(html.contains("value=\"/a&#34;?b=&#39;&#38;c=d\""), "{html}");
        assert!(!html.contains("Please try again"), "{html}");
    }

    #[test]
    fn the_policy_allows_the_very_style_of_the_page() {
        let referer = Referer::parse("/").unwrap();
        let html = LoginPage::new("/auth/login", &referer, Try::Again).render();
        let html = html.unwrap();
        let style = html.split("<style>").nth(1).unwrap();
        let style = style.split("</style>").next().unwrap();
        let digest = STANDARD.encode(digest::digest(&digest::SHA256, style.as_bytes()));
        assert!(content_policy().contains(&digest));
        assert!(html.contains("role=\"alert\""), "{html}");
    }
}

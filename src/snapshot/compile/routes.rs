//! Rules: those of `[accounts]`, the operator's `[[route]]`s, then the profile's.

use http::Method;

use super::accounts;
use super::findings::Findings;
use crate::auth::{
    self, CookieCredential, Destination, EncodedSlashes, LoginCookies, Methods, Pattern,
    Permission, Rule,
};
use crate::config::{self, Config, Diagnostic, Route};
use crate::profile::Profile;

/// All rules, in order of precedence.
pub(super) fn compile(config: &Config, profile: &Profile, findings: &mut Findings) -> Vec<Rule> {
    let usual = profile.cookie_credential;
    let mut rules = accounts::rules(config, profile, findings);
    for (index, route) in config.route.iter().enumerate() {
        let Some(rule) = compile_one(route, usual, findings, |field| Place {
            at: format!("route[{index}].{field}"),
            prefix: String::new(),
        }) else {
            continue;
        };
        if let Some(earlier) = rules.iter().find(|earlier| hides(earlier, &rule)) {
            let message = format!("never reached: the earlier rule {} decides", earlier.name);
            findings.error(format!("route[{index}].path"), message);
        }
        rules.push(rule);
    }
    let theirs: Vec<Rule> = profile
        .route
        .iter()
        .filter_map(|route| {
            compile_one(route, usual, findings, |field| Place {
                at: "backend.profile".to_owned(),
                prefix: format!("profile {}, route {}, {field}: ", profile.name, route.path),
            })
        })
        .collect();
    warn_of_hidden(config, &rules, &theirs, findings);
    rules.extend(theirs);
    rules
}

/// Where a fault of a route is reported, and what is said before it.
struct Place {
    at: String,
    prefix: String,
}

fn compile_one(
    route: &Route,
    usual: config::CookieCredential,
    findings: &mut Findings,
    place: impl Fn(&str) -> Place,
) -> Option<Rule> {
    let mut error = |field: &str, message: String| {
        let place = place(field);
        findings.error(place.at, format!("{}{message}", place.prefix));
    };
    let pattern = Pattern::parse(&route.path).map_err(|fault| error("path", fault.to_string()));
    let methods = methods(&route.methods).map_err(|fault| error("methods", fault));
    let access = access(route).map_err(|fault| error("require", fault));
    let others = others(route).map_err(|fault| error("others", fault));
    if route.access == Some(config::Access::Open) && route.path.contains("{id}") {
        let message = "an open route has no verified id that `{id}` could be held to";
        error("path", message.to_owned());
    }
    let (Ok(pattern), Ok(methods), Ok(access), Ok(others)) = (pattern, methods, access, others)
    else {
        return None;
    };
    Some(Rule {
        name: route.path.as_str().into(),
        pattern,
        methods,
        access,
        others,
        cookie_credential: match route.cookie_credential.unwrap_or(usual) {
            config::CookieCredential::Accept => CookieCredential::Accept,
            config::CookieCredential::Ignore => CookieCredential::Ignore,
        },
        login_cookies: match route.login_cookies {
            config::LoginCookies::Strip => LoginCookies::Strip,
            config::LoginCookies::Forward => LoginCookies::Forward,
        },
        encoded_slash: match route.encoded_slash {
            config::EncodedSlash::Deny => EncodedSlashes::Refuse,
            config::EncodedSlash::Allow => EncodedSlashes::Allow,
        },
        destination: Destination::Backend,
    })
}

fn methods(written: &[String]) -> Result<Methods, String> {
    if written.is_empty() {
        return Ok(Methods::All);
    }
    let parse = |text: &String| {
        let method = Method::from_bytes(text.as_bytes()).ok();
        let method = method.filter(|_| !text.bytes().any(|byte| byte.is_ascii_lowercase()));
        method.ok_or_else(|| format!("`{text}` is not a method: they are written in capitals"))
    };
    written
        .iter()
        .map(parse)
        .collect::<Result<_, _>>()
        .map(Methods::Only)
}

fn access(route: &Route) -> Result<auth::Access, String> {
    match (&route.require, route.access) {
        (Some(required), None) => match Permission::parse(required) {
            Ok(permission) => Ok(auth::Access::Require(permission)),
            Err(error) => Err(format!("`{required}`: {error}")),
        },
        (None, Some(access)) => Ok(match access {
            config::Access::Open => auth::Access::Open,
            config::Access::Anonymous => auth::Access::Anonymous,
            config::Access::Authenticated => auth::Access::Authenticated,
            config::Access::Deny => auth::Access::Deny,
        }),
        (None, None) => Err("a route says `require` or `access`".to_owned()),
        (Some(_), Some(_)) => Err("a route says `require` or `access`, never both".to_owned()),
    }
}

fn others(route: &Route) -> Result<Option<Permission>, String> {
    let Some(written) = &route.others else {
        return Ok(None);
    };
    if !route.path.contains("{id}") {
        return Err("only where the path says `{id}` could others be named".to_owned());
    }
    let permission = Permission::parse(written);
    permission
        .map(Some)
        .map_err(|error| format!("`{written}`: {error}"))
}

/// Whether nothing is left for `later`.
fn hides(earlier: &Rule, later: &Rule) -> bool {
    let methods = match (&earlier.methods, &later.methods) {
        (Methods::All, _) => true,
        (Methods::Only(_), Methods::All) => false,
        (Methods::Only(ours), Methods::Only(theirs)) => theirs.iter().all(|method| {
            ours.contains(method) || (method == Method::HEAD && ours.contains(&Method::GET))
        }),
    };
    methods && earlier.pattern.hides(&later.pattern)
}

/// A route may stand in for a rule of the profile with the same path; one that takes other rules
/// along with it may have been meant for less.
fn warn_of_hidden(config: &Config, ours: &[Rule], theirs: &[Rule], findings: &mut Findings) {
    let written = ours
        .iter()
        .filter(|rule| rule.destination == Destination::Backend);
    for rule in written {
        let hidden = theirs.iter().filter(|their| {
            their.pattern != rule.pattern && hides(rule, their) && their.access != rule.access
        });
        let names: Vec<&str> = hidden.map(|their| &*their.name).collect();
        if names.is_empty() {
            continue;
        }
        let index = config
            .route
            .iter()
            .position(|route| *route.path == *rule.name);
        let at = index.map_or_else(String::new, |index| format!("route[{index}].path"));
        let message = format!(
            "decides instead of rules of the profile: {}",
            names.join(", ")
        );
        findings.push(Diagnostic::warning(at, message));
    }
}

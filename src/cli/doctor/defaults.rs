//! `defaults`: what the backend lets in when nobody has set it up. What to try is the profile's.

use super::{finding::Finding, inquiry::Inquiry};
use crate::{
    cli::client::{Answer, Failure},
    profile::Probe,
};

const NAME: &str = "defaults";

pub(super) fn not_tried() -> Finding {
    Finding::ok(NAME, "not tried; --probe does")
}

/// Tries each of them, one after the other: a backend may count failures.
pub(super) async fn check(inquiry: &Inquiry<'_>, probes: &[Probe]) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for probe in probes {
        let outcome = inquiry.ask(inquiry.probe(probe)?).await;
        findings.extend(judge(probe, &outcome));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(NAME, nothing(probes)));
    }
    Ok(findings)
}

fn nothing(probes: &[Probe]) -> String {
    match probes.len() {
        0 => "the profile knows none to try".to_owned(),
        1 => "1 tried, and not in force".to_owned(),
        count => format!("{count} tried, and none in force"),
    }
}

fn judge(probe: &Probe, outcome: &Result<Answer, Failure>) -> Option<Finding> {
    let Probe { name, advice, .. } = probe;
    match outcome {
        Ok(answer) if probe.is_weak(answer.status, &answer.headers, &answer.body) => {
            let seen = format!(
                "{name}: the backend lets it in ({})",
                answer.status.as_u16()
            );
            Some(Finding::problem(NAME, seen, advice).with_open_door())
        }
        Ok(_) => None,
        Err(failure) => {
            let seen = format!("{name}: could not be tried: {failure}");
            Some(Finding::warning(NAME, seen, "try again"))
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};

    use super::{super::finding::Level, *};
    use crate::profile::Profile;

    fn answer(status: StatusCode) -> Answer {
        Answer {
            status,
            headers: HeaderMap::new(),
            body: Vec::new(),
        }
    }

    #[test]
    fn a_default_in_force_is_a_problem_with_the_profiles_advice() {
        let text = "[[probe]]\nname = 'no key'\npath = '/'\nweak = [200]\nadvice = 'set one'";
        let probe = &Profile::parse("p", text).unwrap().probe[0];
        let found = judge(probe, &Ok(answer(StatusCode::OK))).unwrap();
        assert_eq!(found.level(), Level::Problem);
        let text = found.text();
        assert!(
            text.contains("no key") && text.contains("set one"),
            "{text}"
        );
        assert_eq!(judge(probe, &Ok(answer(StatusCode::FORBIDDEN))), None);
        let silent = Err(Failure::Silence(super::super::PATIENCE));
        assert_eq!(judge(probe, &silent).unwrap().level(), Level::Warning);
    }

    #[test]
    fn it_is_told_how_many_were_tried() {
        assert_eq!(nothing(&[]), "the profile knows none to try");
        let cat = Profile::embedded("cheshire-cat-1").unwrap().unwrap();
        assert_eq!(nothing(&cat.probe[..1]), "1 tried, and not in force");
        assert!(nothing(&cat.probe).ends_with("tried, and none in force"));
    }
}

//! What a check has to say, and how it is printed.

use serde::Serialize;

use crate::cli::Exit;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    Ok,
    Warning,
    Problem,
}

/// What one check saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// The name of the check.
    name: &'static str,
    level: Level,
    /// Someone gets in past doorward.
    open_door: bool,
    seen: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

impl Finding {
    pub(super) fn ok(name: &'static str, seen: impl Into<String>) -> Self {
        Self {
            name,
            level: Level::Ok,
            open_door: false,
            seen: seen.into(),
            advice: None,
        }
    }

    /// Something that may be meant so.
    pub(super) fn warning(
        name: &'static str,
        seen: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            level: Level::Warning,
            advice: Some(advice.into()),
            ..Self::ok(name, seen)
        }
    }

    /// Something that does not work.
    pub(super) fn problem(
        name: &'static str,
        seen: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            level: Level::Problem,
            ..Self::warning(name, seen, advice)
        }
    }

    /// The same, as a way past doorward that was seen open.
    pub(super) fn with_open_door(self) -> Self {
        Self {
            open_door: true,
            ..self
        }
    }

    #[cfg(test)]
    pub(super) const fn level(&self) -> Level {
        self.level
    }

    #[cfg(test)]
    pub(super) fn text(&self) -> String {
        self.lines()
    }

    const fn matters(&self) -> bool {
        self.open_door || matches!(self.level, Level::Problem)
    }

    fn lines(&self) -> String {
        let level = match self.level {
            Level::Ok => "ok",
            Level::Warning => "warning",
            Level::Problem => "problem",
        };
        let advice = self.advice.as_deref().map(printable);
        let advice = advice.map(|advice| format!("\n{:20}{advice}", ""));
        let seen = printable(&self.seen);
        let advice = advice.unwrap_or_default();
        format!("{level:9}{:11}{seen}{advice}", self.name)
    }
}

/// Everything that was found; printed as it is with `--format json`.
#[derive(Debug, Serialize)]
pub(super) struct Diagnosis {
    pub(super) findings: Vec<Finding>,
}

impl Diagnosis {
    pub(super) fn exit(&self) -> Exit {
        if self.findings.iter().any(Finding::matters) {
            Exit::Failed
        } else {
            Exit::Done
        }
    }

    pub(super) fn to_text(&self) -> String {
        let lines: Vec<String> = self.findings.iter().map(Finding::lines).collect();
        lines.join("\n")
    }
}

/// What a server says may hold what a terminal would obey.
pub(super) fn printable(text: &str) -> String {
    let escape = |c: char| match c {
        c if c.is_control() => c.escape_default().to_string(),
        c => c.to_string(),
    };
    text.chars().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_work_and_an_open_door_fail_and_nothing_else_does() {
        let exit = |finding: Finding| {
            Diagnosis {
                findings: vec![Finding::ok("a", "b"), finding],
            }
            .exit()
        };
        assert_eq!(exit(Finding::ok("clock", "seen")), Exit::Done);
        assert_eq!(exit(Finding::warning("clock", "seen", "do")), Exit::Done);
        let open = Finding::warning("around", "seen", "do").with_open_door();
        assert_eq!(exit(open), Exit::Failed);
        assert_eq!(exit(Finding::problem("clock", "seen", "do")), Exit::Failed);
    }

    #[test]
    fn a_finding_is_printed_with_what_to_do_below_it() {
        let finding = Finding::warning("clock", "late\u{1b}[31m", "wind it");
        assert_eq!(
            finding.text(),
            "warning  clock      late\\u{1b}[31m\n                    wind it"
        );
    }
}

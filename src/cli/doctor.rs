//! `doorward doctor`: what only a running system shows.

mod around;
mod backend;
mod clock;
mod defaults;
mod files;
mod finding;
mod headers;
mod inquiry;

use std::time::Duration;

use self::{
    finding::{Diagnosis, Finding},
    inquiry::Inquiry,
};
use super::{
    Exit,
    client::Answer,
    configuration::{ConfigArgument, Usable},
    output::{self, Format},
};
use crate::{
    clock::Timestamp,
    control::watched,
    profile::{Probe, Target},
    snapshot::Snapshot,
};

/// How long each answer, and each connection, may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Looks at the system around a sidecar: the backend, the ways around doorward, what lies between.
///
/// Loads the configuration as `check` does, and then asks the backend itself; run it where doorward
/// runs. Exits with 1 when something does not work or a door stands open, else with 0; other
/// warnings do not matter.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  doorward doctor
  doorward doctor --probe --format json
  doorward doctor --echo /who --config config/cheshire-cat.toml")]
pub(super) struct Doctor {
    /// Try the well-known weak defaults of this kind of backend, such as its first password
    #[arg(long)]
    probe: bool,
    /// A path of the backend that answers with the headers it was sent: see whether those that tell
    /// the identity arrive
    #[arg(long, value_name = "PATH")]
    echo: Option<Target>,
    /// How to print what was found
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    config: ConfigArgument,
}

impl Doctor {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let usable = self.config.usable(Timestamp::now())?;
        let diagnosis = Diagnosis {
            findings: super::runtime()?.block_on(self.examine(&usable))?,
        };
        output::print(self.format, &diagnosis, || diagnosis.to_text())?;
        Ok(diagnosis.exit())
    }

    /// Every check, one after the other. Those that need the backend say nothing when it is silent:
    /// the first has said it.
    async fn examine(&self, usable: &Usable) -> anyhow::Result<Vec<Finding>> {
        let Usable {
            config,
            snapshot,
            profile,
        } = usable;
        let inquiry = Inquiry::of(snapshot);
        let (reached, answer) = backend::check(&inquiry, &profile.liveness.0).await;
        let answered = Timestamp::now();
        let mut findings = vec![reached];
        findings.extend(around::check(&snapshot.backend, config).await);
        if let Some(answer) = &answer {
            findings.extend(self.defaults(&inquiry, &profile.probe).await?);
            findings.push(self.headers(&inquiry, snapshot, answer).await?);
        }
        findings.push(files::check(&watched(&self.config.source(), config)));
        findings.extend(answer.map(|answer| clock::check(&answer.headers, answered)));
        Ok(findings)
    }

    async fn defaults(
        &self,
        inquiry: &Inquiry<'_>,
        probes: &[Probe],
    ) -> anyhow::Result<Vec<Finding>> {
        if self.probe {
            defaults::check(inquiry, probes).await
        } else {
            Ok(vec![defaults::not_tried()])
        }
    }

    async fn headers(
        &self,
        inquiry: &Inquiry<'_>,
        snapshot: &Snapshot,
        answer: &Answer,
    ) -> anyhow::Result<Finding> {
        let names = headers::of_identity(&snapshot.gate.rewrite);
        match &self.echo {
            Some(path) => headers::echoed(inquiry, path, &names).await,
            None => Ok(headers::suspected(&answer.headers, &names)),
        }
    }
}

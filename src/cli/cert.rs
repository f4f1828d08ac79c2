//! `doorward cert`: a certificate authority and a server certificate, for development.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, bail};
use clap::Subcommand;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};

use super::{Exit, output};
use crate::clock::Timestamp;

const DAY: Duration = Duration::from_hours(24);

/// Makes certificates for development.
#[derive(Debug, clap::Args)]
pub(super) struct Certs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Create(Create),
}

impl Certs {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        match self.action {
            Action::Create(create) => create.run(Timestamp::now()),
        }
    }
}

/// Makes a certificate authority of your own and a server certificate signed by it.
///
/// Writes ca.pem (for clients to trust), ca.key, server.pem and server.key. Private keys are
/// readable by their owner only. Never overwrites anything without --force.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  doorward cert create
  doorward cert create --host chat.example --host 10.0.0.7 --dir certs
  curl --cacert certs/ca.pem https://localhost:8443/")]
struct Create {
    /// A name or address that clients use, may be repeated
    #[arg(long = "host", value_name = "NAME", default_values = ["localhost", "127.0.0.1", "::1"])]
    hosts: Vec<String>,
    /// Where to write the files
    #[arg(long, default_value = "certs")]
    dir: PathBuf,
    /// Replace files that are there
    #[arg(long)]
    force: bool,
}

impl Create {
    fn run(self, now: Timestamp) -> anyhow::Result<Exit> {
        let bundle = Bundle::generate(&self.hosts, now)?;
        fs::create_dir_all(&self.dir)
            .with_context(|| format!("creating {}", self.dir.display()))?;
        let files = bundle.files(&self.dir);
        if self.force {
            for (path, ..) in &files {
                remove(path)?;
            }
        } else if let Some((path, ..)) = files.iter().find(|(path, ..)| path.exists()) {
            bail!("{} is there already; --force replaces it", path.display());
        }
        for (path, pem, mode) in &files {
            write_new(path, pem.as_bytes(), *mode)
                .with_context(|| format!("writing {}", path.display()))?;
        }
        let names: Vec<String> = files
            .iter()
            .map(|(path, ..)| path.display().to_string())
            .collect();
        output::line(&format!(
            "wrote {} for {}",
            names.join(", "),
            self.hosts.join(", ")
        ))?;
        Ok(Exit::Done)
    }
}

/// A certificate authority and one server certificate, all in PEM.
pub(super) struct Bundle {
    pub(super) ca: String,
    pub(super) ca_key: String,
    pub(super) certificate: String,
    pub(super) key: String,
}

impl Bundle {
    /// Fresh keys. The authority is good for ten years, the server's certificate for 397 days,
    /// more than which some clients refuse.
    pub(super) fn generate(hosts: &[String], now: Timestamp) -> anyhow::Result<Self> {
        let (ca_params, ca_key) = (authority(now)?, KeyPair::generate()?);
        let ca = ca_params.self_signed(&ca_key)?;
        let issuer = Issuer::from_params(&ca_params, &ca_key);
        let key = KeyPair::generate()?;
        let certificate: Certificate = server(hosts, now)?.signed_by(&key, &issuer)?;
        Ok(Self {
            ca: ca.pem(),
            ca_key: ca_key.serialize_pem(),
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        })
    }

    fn files(&self, dir: &Path) -> [(PathBuf, &str, u32); 4] {
        [
            (dir.join("ca.pem"), &self.ca, 0o644),
            (dir.join("ca.key"), &self.ca_key, 0o600),
            (dir.join("server.pem"), &self.certificate, 0o644),
            (dir.join("server.key"), &self.key, 0o600),
        ]
    }
}

fn authority(now: Timestamp) -> anyhow::Result<CertificateParams> {
    let mut params = CertificateParams::default();
    // The name carries the moment, so that two authorities in one trust store stay apart.
    let name = format!("doorward development CA {}", now.as_millis());
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    valid(&mut params, now, 3650 * DAY)?;
    Ok(params)
}

fn server(hosts: &[String], now: Timestamp) -> anyhow::Result<CertificateParams> {
    let mut params = CertificateParams::new(hosts)
        .with_context(|| format!("not names for a certificate: {}", hosts.join(", ")))?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, "doorward");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    valid(&mut params, now, 397 * DAY)?;
    Ok(params)
}

/// From yesterday, since clocks differ.
fn valid(params: &mut CertificateParams, now: Timestamp, period: Duration) -> anyhow::Result<()> {
    let day = |time: Timestamp| -> anyhow::Result<_> {
        let time = jiff::Timestamp::from_millisecond(time.as_millis())?;
        let date = time.to_zoned(jiff::tz::TimeZone::UTC).date();
        let (month, day) = (u8::try_from(date.month())?, u8::try_from(date.day())?);
        Ok(rcgen::date_time_ymd(date.year().into(), month, day))
    };
    params.not_before = day(now.before(DAY))?;
    params.not_after = day(now.after(period))?;
    Ok(())
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Writes a file that must not be there yet, with these permissions from its first moment.
pub(super) fn write_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)?;
    file.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::tls::{certificate::Pair, client::client_config};

    fn create(dir: &Path) -> Create {
        Create {
            hosts: vec!["localhost".into(), "::1".into()],
            dir: dir.join("certs"),
            force: false,
        }
    }

    #[test]
    fn the_files_are_what_sidecar_and_client_read() {
        let dir = tempfile::tempdir().unwrap();
        create(dir.path()).run(Timestamp::now()).unwrap();
        let read = |name| fs::read(dir.path().join("certs").join(name)).unwrap();
        let pair = Pair::parse(&read("server.pem"), &read("server.key")).unwrap();
        let names: Vec<_> = pair
            .names()
            .iter()
            .map(|name| format!("{name:?}"))
            .collect();
        assert_eq!(names.len(), 2, "{names:?}");
        assert!(client_config(Some(&read("ca.pem"))).is_ok());
    }

    #[test]
    fn private_keys_are_their_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        create(dir.path()).run(Timestamp::now()).unwrap();
        for name in ["ca.key", "server.key"] {
            let metadata = fs::metadata(dir.path().join("certs").join(name)).unwrap();
            assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn nothing_is_overwritten_unless_told_to() {
        let dir = tempfile::tempdir().unwrap();
        create(dir.path()).run(Timestamp::now()).unwrap();
        let before = fs::read(dir.path().join("certs/ca.pem")).unwrap();
        assert!(create(dir.path()).run(Timestamp::now()).is_err());
        assert_eq!(fs::read(dir.path().join("certs/ca.pem")).unwrap(), before);
        Create {
            force: true,
            ..create(dir.path())
        }
        .run(Timestamp::now())
        .unwrap();
        assert_ne!(fs::read(dir.path().join("certs/ca.pem")).unwrap(), before);
    }
}

//! `doorward store export`: everything in the store as lines of JSON.

use std::{
    fs::{self, OpenOptions},
    io::{self, BufWriter, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use super::OpenStore;
use crate::{
    auth::Directory,
    cli::{Exit, configuration::ConfigArgument},
    store::transfer::{SigningKeys, export},
};

/// Writes users with the hashes of their passwords, keys with their digests, and revocations: what
/// `store import` reads. Whoever reads it can try passwords: keep it like the store itself.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  doorward store export --file users.jsonl
  doorward store export | age -r age1… > users.jsonl.age
  doorward store export --with-signing-keys --file whole.jsonl
  doorward store export | jq -r 'select(.kind == \"user\") | .username'")]
pub(super) struct Export {
    #[command(flatten)]
    config: ConfigArgument,
    /// A new file, which nobody but its owner may read; `-` writes to standard output
    #[arg(long, value_name = "FILE", default_value = "-")]
    file: PathBuf,
    /// Also the keys that tokens are signed with: whoever has them can be anybody
    #[arg(long)]
    with_signing_keys: bool,
}

impl Export {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let store = OpenStore::existing(&self.config.read_sound()?.config)?;
        let directory = store.directory()?;
        let keys = if self.with_signing_keys {
            SigningKeys::With
        } else {
            SigningKeys::Without
        };
        if self.file.as_os_str() == "-" {
            let mut out = BufWriter::new(io::stdout().lock());
            export(&directory, keys, &mut out)?;
            out.flush()?;
        } else {
            write(&self.file, &directory, keys)
                .with_context(|| format!("writing {}", self.file.display()))?;
        }
        Ok(Exit::Done)
    }
}

/// Makes the file; if it can't be written to its end, there is none.
fn write(path: &Path, directory: &Directory, keys: SigningKeys) -> io::Result<()> {
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    let mut out = BufWriter::new(file);
    let written = export(directory, keys, &mut out)
        .and_then(|()| out.flush())
        .and_then(|()| out.get_ref().sync_all());
    if written.is_err() {
        // The error that is told is the first one.
        let _ = fs::remove_file(path);
    }
    written
}

//! A backend behind a Unix socket: who may write to the file may talk to it (`unix(7)`).

use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

use super::NAME;
use crate::cli::doctor::finding::Finding;

/// Bits of a mode: everybody may write to it; everybody may pass through it.
const WRITE: u32 = 0o002;
const PASS: u32 = 0o001;

pub(super) fn check(socket: &Path) -> Finding {
    match everybody_may_connect(socket) {
        Err(error) => {
            let seen = format!("{} cannot be looked at: {error}", socket.display());
            Finding::warning(
                NAME,
                seen,
                "correct backend.url, or let doorward see the socket",
            )
        }
        Ok(false) => Finding::ok(NAME, "the socket is not open to every user of this machine"),
        Ok(true) => {
            let seen = format!(
                "every user of this machine may connect to {}",
                socket.display()
            );
            let advice = format!("chmod o-rwx {}", socket.display());
            Finding::warning(NAME, seen, advice).with_open_door()
        }
    }
}

/// A folder that lets nobody through protects what is in it, whatever its own mode.
fn everybody_may_connect(socket: &Path) -> std::io::Result<bool> {
    let socket = fs::canonicalize(socket)?;
    let mut modes = Vec::new();
    for folder in socket.ancestors().skip(1) {
        modes.push(fs::metadata(folder)?.mode());
    }
    let may_pass = modes.iter().all(|mode| mode & PASS != 0);
    Ok(may_pass && fs::metadata(&socket)?.mode() & WRITE != 0)
}

#[cfg(test)]
mod tests {
    use std::{fs::Permissions, os::unix::fs::PermissionsExt as _, os::unix::net::UnixListener};

    use super::*;
    use crate::cli::doctor::finding::Level;

    #[test]
    fn a_socket_that_everybody_may_write_to_is_open_unless_its_folder_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("chat.sock");
        let _listener = UnixListener::bind(&socket).unwrap();
        let set = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode));
        for (of_folder, of_socket, level) in [
            (0o755, 0o660, Level::Ok),
            (0o755, 0o666, Level::Warning),
            (0o755, 0o602, Level::Warning),
            (0o700, 0o666, Level::Ok),
        ] {
            set(folder.path(), of_folder).unwrap();
            set(&socket, of_socket).unwrap();
            assert_eq!(check(&socket).level(), level, "{of_folder:o} {of_socket:o}");
        }
        assert_eq!(check(&folder.path().join("none")).level(), Level::Warning);
    }
}

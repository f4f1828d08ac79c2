//! [`Listener`]: a loopback address, or a Unix socket that only its owner may use.

use std::fs::{self, Permissions};
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};

use super::door::Entrance;
use crate::config::AdminAddress;

/// Connections that wait in the system's queue.
const BACKLOG: i32 = 64;

/// Where operators connect.
#[derive(Debug)]
pub struct Listener {
    bound: Bound,
    socket: Socket,
}

#[derive(Debug)]
enum Bound {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl Listener {
    /// Listens from now on; what comes waits until it is served.
    ///
    /// # Errors
    /// When the address is in use or not ours, or something else has the socket's name.
    pub fn bind(address: &AdminAddress) -> io::Result<Self> {
        let (bound, socket) = match address {
            AdminAddress::Tcp(address) => tcp(*address)?,
            AdminAddress::Unix(path) => (Bound::Unix(path.clone()), unix(path)?),
        };
        socket.set_nonblocking(true)?;
        Ok(Self { bound, socket })
    }

    /// Its address as a URL, with the port that was given for port 0.
    #[must_use]
    pub fn url(&self) -> String {
        match &self.bound {
            Bound::Tcp(address) => format!("http://{address}"),
            Bound::Unix(path) => format!("unix://{}", path.display()),
        }
    }

    pub(super) fn entrance(&self) -> Entrance {
        match &self.bound {
            Bound::Tcp(address) => Entrance::Tcp(address.port()),
            Bound::Unix(_) => Entrance::Unix,
        }
    }

    /// On the current runtime.
    pub(super) fn opened(self) -> io::Result<Opened> {
        Ok(match self.bound {
            Bound::Tcp(_) => Opened::Tcp(tokio::net::TcpListener::from_std(self.socket.into())?),
            Bound::Unix(_) => {
                let listener = std::os::unix::net::UnixListener::from(OwnedFd::from(self.socket));
                Opened::Unix(tokio::net::UnixListener::from_std(listener)?)
            }
        })
    }
}

/// A listener that can be awaited.
pub(super) enum Opened {
    Tcp(tokio::net::TcpListener),
    Unix(tokio::net::UnixListener),
}

fn tcp(address: SocketAddr) -> io::Result<(Bound, Socket)> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // As the standard library has it: what lingers of an earlier process is not in the way.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    let bound = socket.local_addr()?.as_socket().unwrap_or(address);
    Ok((Bound::Tcp(bound), socket))
}

fn unix(path: &Path) -> io::Result<Socket> {
    remove_stale(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(path)?)?;
    // Before anybody can connect.
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}

/// Removes the socket of a process that is no more.
fn remove_stale(path: &Path) -> io::Result<()> {
    let in_use = |what: &str| Err(io::Error::new(io::ErrorKind::AddrInUse, what));
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(metadata) if !metadata.file_type().is_socket() => {
            in_use("there is a file of this name that is no socket")
        }
        Ok(_) => match UnixStream::connect(path) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
            _ => in_use("somebody listens there"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bind(path: &Path) -> io::Result<Listener> {
        Listener::bind(&AdminAddress::Unix(path.to_owned()))
    }

    #[test]
    fn a_socket_is_its_owners_alone_and_replaces_only_one_that_nobody_listens_at() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("admin.sock");
        let listener = bind(&path).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let taken = bind(&path).unwrap_err();
        assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
        drop(listener);
        bind(&path).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, "precious").unwrap();
        assert_eq!(bind(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        assert_eq!(fs::read(&path).unwrap(), b"precious");
    }

    #[test]
    fn a_port_of_ones_own_is_told() {
        let address = AdminAddress::Tcp(([127, 0, 0, 1], 0).into());
        let listener = Listener::bind(&address).unwrap();
        assert_ne!(listener.entrance(), Entrance::Tcp(0));
        assert!(listener.url().starts_with("http://127.0.0.1:"));
    }
}

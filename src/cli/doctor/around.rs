//! `around`: whether the backend can be reached without doorward.

mod addresses;
mod socket_file;

use std::{collections::BTreeSet, net::SocketAddr};

use futures_util::future::join_all;
use tokio::{
    net::{TcpStream, lookup_host},
    time,
};

use self::addresses::{Interfaces, is_public};
use super::{PATIENCE, finding::Finding};
use crate::{
    config::{AdminAddress, Config, OrOff},
    snapshot::{Address, Backend},
};

const NAME: &str = "around";

/// Nothing when the backend's name does not resolve: there is nothing to reach then.
pub(super) async fn check(backend: &Backend, config: &Config) -> Option<Finding> {
    let addresses = match &backend.address {
        Address::Unix(path) => return Some(socket_file::check(path)),
        Address::Socket(address) => vec![*address],
        Address::Name { host, port } => {
            let resolved = time::timeout(PATIENCE, lookup_host((host.as_str(), *port))).await;
            resolved.ok()?.ok()?.collect()
        }
    };
    let Ok(interfaces) = Interfaces::of_this_machine() else {
        let seen = "the addresses of this machine cannot be listed";
        return Some(Finding::warning(
            NAME,
            seen,
            "try the backend's port from elsewhere",
        ));
    };
    let ours = own_listeners(config);
    Some(look(&addresses, &interfaces, &ours).await)
}

/// Where doorward itself listens; what answers there is no way around it.
fn own_listeners(config: &Config) -> Vec<SocketAddr> {
    let mut ours = config.listen.addresses(config.tls.as_ref());
    ours.extend(config.listen.redirect.0.iter().map(|address| address.0));
    ours.extend(config.telemetry.address.value().map(|address| address.0));
    if let OrOff::Value(AdminAddress::Tcp(address)) = config.admin.address {
        ours.push(address);
    }
    ours
}

async fn look(addresses: &[SocketAddr], interfaces: &Interfaces, ours: &[SocketAddr]) -> Finding {
    let here = addresses
        .iter()
        .filter(|address| interfaces.has(address.ip()));
    let ports: BTreeSet<u16> = here.map(SocketAddr::port).collect();
    if ports.is_empty() {
        return elsewhere(addresses);
    }
    let candidates: Vec<SocketAddr> = ports
        .into_iter()
        .flat_map(|port| interfaces.at(port))
        .filter(|candidate| !ours.contains(candidate))
        .collect();
    let tried = join_all(candidates.iter().map(|&candidate| connects(candidate))).await;
    let open: Vec<SocketAddr> = tried.into_iter().flatten().collect();
    judge(candidates.len(), &open)
}

async fn connects(address: SocketAddr) -> Option<SocketAddr> {
    let connected = time::timeout(PATIENCE, TcpStream::connect(address)).await;
    connected.ok()?.ok().map(|_| address)
}

fn judge(tried: usize, open: &[SocketAddr]) -> Finding {
    if open.is_empty() {
        let seen = format!("on this machine, and at none of its {tried} other addresses");
        return Finding::ok(NAME, seen);
    }
    let seen = format!("reachable at {} without doorward", listed(open));
    let advice = "let the backend listen on 127.0.0.1 alone, or keep others from that port; a firewall in between is not seen from here";
    Finding::warning(NAME, seen, advice).with_open_door()
}

/// A backend on another machine: only what its address says can be told from here.
fn elsewhere(addresses: &[SocketAddr]) -> Finding {
    let public: Vec<SocketAddr> = addresses
        .iter()
        .copied()
        .filter(|address| is_public(address.ip()))
        .collect();
    if public.is_empty() {
        let seen = format!(
            "the backend is at {}, not on this machine: who else reaches it cannot be seen from here",
            listed(addresses)
        );
        return Finding::ok(NAME, seen);
    }
    let seen = format!("the backend has a public address, {}", listed(&public));
    let advice = "give it a private address, or let a firewall admit this machine alone";
    Finding::warning(NAME, seen, advice)
}

fn listed(addresses: &[SocketAddr]) -> String {
    let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    addresses.join(", ")
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::{super::finding::Level, *};

    /// A machine that takes another loopback address for one of its network's.
    fn machine() -> Interfaces {
        Interfaces::from_iter(["127.0.0.2".parse().unwrap()])
    }

    async fn found(url: SocketAddr, ours: &[SocketAddr]) -> Finding {
        look(&[url], &machine(), ours).await
    }

    #[tokio::test]
    async fn a_backend_that_listens_on_every_address_is_reachable_around() {
        let backend = TcpListener::bind("0.0.0.0:0").await.unwrap();
        let port = backend.local_addr().unwrap().port();
        let found = found(([127, 0, 0, 1], port).into(), &[]).await;
        assert_eq!(found.level(), Level::Warning);
        let text = found.text();
        assert!(
            text.contains(&format!("reachable at 127.0.0.2:{port}")),
            "{text}"
        );
    }

    #[tokio::test]
    async fn a_backend_on_loopback_is_not() {
        let backend = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let found = found(backend.local_addr().unwrap(), &[]).await;
        assert_eq!(found.level(), Level::Ok, "{found:?}");
    }

    #[tokio::test]
    async fn doorward_itself_is_no_way_around() {
        let doorward = TcpListener::bind("127.0.0.2:0").await.unwrap();
        let address = doorward.local_addr().unwrap();
        let backend = SocketAddr::from(([127, 0, 0, 1], address.port()));
        assert_eq!(found(backend, &[address]).await.level(), Level::Ok);
        assert_eq!(found(backend, &[]).await.level(), Level::Warning);
    }

    #[tokio::test]
    async fn a_backend_elsewhere_is_judged_by_its_address() {
        let private = found("10.1.2.3:80".parse().unwrap(), &[]).await;
        assert_eq!(private.level(), Level::Ok);
        assert!(private.text().contains("10.1.2.3:80"), "{private:?}");
        let public = found("9.9.9.9:80".parse().unwrap(), &[]).await;
        assert_eq!(public.level(), Level::Warning);
    }

    #[test]
    fn every_listener_of_ours_counts() {
        let text = "[listen]\naddress = '127.0.0.1:1'\nredirect = '127.0.0.1:2'\n[telemetry]\naddress = '127.0.0.1:3'";
        let environment = crate::config::Environment::default();
        let written = crate::config::Written::from_file("f", text, &environment);
        let ports: Vec<u16> = own_listeners(&written.config)
            .iter()
            .map(SocketAddr::port)
            .collect();
        assert_eq!(ports, [1, 2, 3]);
    }
}

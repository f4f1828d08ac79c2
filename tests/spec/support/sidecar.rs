//! The sidecar under test: the real binary in a directory of its own.

use std::{fs, net::SocketAddr, path::PathBuf, sync::Arc};

use rustls::{
    ClientConfig,
    pki_types::{CertificateDer, ServerName},
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{io::AsyncReadExt, io::AsyncWriteExt, net::TcpStream};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{
    Authority, HOST, Raw, Setup,
    certificates::Pem,
    chat::Handshake,
    eventually,
    http2::Http2,
    http2_frames::Http2Frames,
    process::{Finished, Running, doorward, run},
    request::Request,
    soon,
};

/// A running sidecar; killed when it is dropped.
pub struct Sidecar {
    dir: TempDir,
    process: Running,
    authority: Authority,
    address: SocketAddr,
    telemetry: SocketAddr,
}

impl Sidecar {
    pub(super) async fn start(setup: Setup) -> Self {
        let sidecar = Self::try_start(&setup).await;
        sidecar.unwrap_or_else(|stderr| panic!("not ready:\n{stderr}\n{}", setup.text()))
    }

    pub(super) async fn refused(setup: Setup) -> String {
        match Self::try_start(&setup).await {
            Ok(_) => panic!("it started:\n{}", setup.text()),
            Err(stderr) => stderr,
        }
    }

    /// Starts it; what it says on standard error when it will not.
    async fn try_start(setup: &Setup) -> Result<Self, String> {
        let (dir, authority) = (TempDir::new().unwrap(), Authority::new());
        fs::write(dir.path().join("ca.pem"), authority.pem()).unwrap();
        let pem = authority.certify(&[HOST, "localhost", "127.0.0.1"]);
        fs::write(dir.path().join("server.pem"), pem.certificate).unwrap();
        fs::write(dir.path().join("server.key"), pem.key).unwrap();
        setup.write_to(dir.path());
        let mut command = setup.command();
        command.current_dir(dir.path());
        let process = Running::start(command);
        let said = async |start: &str| {
            let line = process.stderr.line("it is ready", |line| line.starts_with(start)).await?;
            line.rsplit_once("//")?.1.parse().ok()
        };
        match (said("ready https://").await, said("telemetry http://").await) {
            (Some(address), Some(telemetry)) => {
                Ok(Self { dir, process, authority, address, telemetry })
            }
            _ => Err(process.stderr.lines().join("\n")),
        }
    }

    // === commands

    /// A command with its configuration, in its directory, and with this on standard input.
    pub async fn command(&self, arguments: &[&str], input: &str) -> Finished {
        let mut command = doorward(&[arguments, &["--config", "doorward.toml"]].concat());
        command.current_dir(self.path("."));
        run(command, input).await
    }

    /// One that succeeds; what it printed.
    pub async fn done(&self, arguments: &[&str], input: &str) -> String {
        let finished = self.command(arguments, input).await;
        assert_eq!(finished.code, 0, "{arguments:?}: {}", finished.text);
        finished.text
    }

    // === clients

    pub fn request(&self, method: &str, target: &str) -> Request<'_> {
        Request::new(self, method, target)
    }

    pub fn get(&self, target: &str) -> Request<'_> {
        self.request("GET", target)
    }

    pub fn websocket(&self, target: &str) -> Handshake<'_> {
        Handshake::new(self, target)
    }

    /// A connection for exact bytes.
    pub async fn raw(&self) -> Raw {
        Raw::new(self.connect("http/1.1", HOST).await)
    }

    /// A connection without TLS.
    pub async fn tcp(&self) -> TcpStream {
        soon("a connection", TcpStream::connect(self.address)).await.unwrap()
    }

    /// A TLS connection for one protocol, by a client that asks for this name.
    pub async fn connect(&self, protocol: &str, name: &str) -> TlsStream<TcpStream> {
        self.try_connect(protocol, name).await.unwrap()
    }

    pub async fn try_connect(
        &self,
        protocol: &str,
        name: &str,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        self.connect_with(self.authority.client_config(protocol), name).await
    }

    /// The same by a client of the test's own.
    pub async fn connect_with(
        &self,
        config: Arc<ClientConfig>,
        name: &str,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = self.tcp().await;
        stream.set_nodelay(true).unwrap();
        let connector = TlsConnector::from(config);
        let name = ServerName::try_from(name.to_owned()).unwrap();
        soon("a TLS handshake", connector.connect(name, stream)).await
    }

    /// The certificate that a new connection is shown.
    pub async fn shown_certificate(&self) -> CertificateDer<'static> {
        let stream = self.connect("http/1.1", HOST).await;
        stream.get_ref().1.peer_certificates().unwrap()[0].clone()
    }

    /// A connection for many HTTP/2 requests.
    pub async fn http2(&self) -> Http2 {
        Http2::over(self.connect("h2", HOST).await).await
    }

    /// A connection for exact HTTP/2 frames.
    pub async fn http2_frames(&self) -> Http2Frames {
        Http2Frames::over(self.connect("h2", HOST).await).await
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn telemetry_address(&self) -> SocketAddr {
        self.telemetry
    }

    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    // === what it shows

    /// What it has said after these words on standard error.
    pub async fn announced(&self, start: &str) -> String {
        let line = self.process.stderr.line(start, |line| line.starts_with(start)).await;
        line.expect("it is announced").split_at(start.len()).1.to_owned()
    }

    /// A page of the telemetry address: status line and all.
    pub async fn telemetry(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.telemetry).await.unwrap();
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut page = String::new();
        soon("a telemetry page", stream.read_to_string(&mut page)).await.unwrap();
        page
    }

    /// The value of one series.
    pub async fn metric(&self, series: &str) -> Option<f64> {
        let page = self.telemetry("/metrics").await;
        page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
    }

    /// The number of the snapshot in force.
    pub async fn generation(&self) -> f64 {
        self.metric("doorward_snapshot_generation").await.expect("a generation")
    }

    /// Everything on standard output so far.
    pub fn log(&self) -> String {
        self.process.stdout.lines().join("\n")
    }

    /// What it has warned of so far, but for the private key of the specs, which is no secret.
    pub fn warnings(&self) -> Vec<String> {
        let lines = self.process.stdout.lines();
        let records = lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let warnings = records.filter(|record| record["level"] == "WARN");
        let messages = warnings.map(|record| record["message"].as_str().unwrap().to_owned());
        messages.filter(|message| !message.contains("server.key")).collect()
    }

    /// The access record that is as said, once it is written.
    pub async fn record(&self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        let parse = |line: &str| serde_json::from_str::<Value>(line).ok();
        let found = |line: &str| parse(line).is_some_and(|record| is_it(&record));
        let line = self.process.stdout.line(what, found).await;
        parse(&line.expect("the log ended")).unwrap()
    }

    /// What it has in memory, in bytes.
    pub fn resident_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    }

    // === what an operator does

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Replaces the configuration by a rename, and waits until it is in force.
    pub async fn reconfigure(&self, setup: &Setup) {
        let before = self.generation().await;
        self.replace("doorward.toml", setup.text());
        self.until_newer_than(before).await;
    }

    /// Replaces a file by a rename.
    pub fn replace(&self, name: &str, text: impl AsRef<[u8]>) {
        let (new, path) = (self.path("new.tmp"), self.path(name));
        fs::write(&new, text).unwrap();
        fs::rename(new, path).unwrap();
    }

    /// Writes over a file in place.
    pub fn overwrite(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(name), text).unwrap();
    }

    /// A fresh certificate of the same authority.
    pub fn certify(&self, names: &[&str]) -> Pem {
        self.authority.certify(names)
    }

    pub async fn until_newer_than(&self, generation: f64) {
        eventually("a newer snapshot is in force", async || self.generation().await > generation)
            .await;
    }

    pub async fn signal(&self, name: &str) {
        self.process.signal(name).await;
    }

    /// Its exit code, once it has ended.
    pub async fn ended(&mut self) -> i32 {
        self.process.ended().await
    }

    /// Stops it by SIGTERM: its exit code and its whole log.
    pub async fn stop(mut self) -> (i32, String) {
        self.signal("TERM").await;
        let code = self.ended().await;
        (code, self.log())
    }
}

//! The composition root: from a configuration to threads that serve, and back.
//!
//! ```text
//!  main thread ── signals, waits          control thread ── watch, load, compile, publish
//!  telemetry thread ── health, metrics    worker threads ── one a core, the data plane
//!  accounts thread ── logins, users       admin thread ── what operators ask for
//! ```

mod kept;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::accounts::service::{Desk, Ledger, StoreHandle};
use crate::accounts::{self, HashingPool};
use crate::admin::{self, Listener, Office};
use crate::config::{Config, Environment, Format, OrOff, Workers};
use crate::control::{Controller, News, Request, Source, StartError};
use crate::proxy::{Call, Calls, DataPlane, Limiter, Settings, Shared};
use crate::runtime::cores;
use crate::runtime::drain::Drain;
use crate::runtime::signal::{Signal, Signals};
use crate::sessions::Places;
use crate::snapshot::Snapshot;
use crate::snapshot::compile::ProcessKeys;
use crate::snapshot::live::Reader;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::server::{self, Readiness};
use crate::telemetry::writer::LogSink;
use crate::telemetry::{self, Level, LogFormat};
use crate::tls::server::TlsError;
use kept::KeptStore;

/// What [`Readiness`] awaits.
const LISTENING: &str = "listening";
const NOT_DRAINING: &str = "not draining";
const STORE: &str = "store read";

/// How long the first connection waits for the store: requests that come sooner would be told that
/// it could not be read yet.
const STORE_PATIENCE: Duration = Duration::from_secs(5);

/// How many tellings of workers about used keys may wait; beyond it they are lost.
const SIGHTINGS: usize = 64;

/// How long the last log lines may take to leave.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A running sidecar. It serves until it is told to drain; dropping it stops nothing.
#[derive(Debug)]
pub struct App {
    data_plane: DataPlane,
    telemetry: Option<SocketAddr>,
    /// Where operators connect, as a URL.
    admin: Option<String>,
    scheme: &'static str,
    drain: Drain,
    readiness: Readiness,
    requests: mpsc::UnboundedSender<Request>,
    store: Option<KeptStore>,
    log: LogSink,
}

/// Why it didn't start.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The configuration, or what it refers to.
    #[error(transparent)]
    Configuration(#[from] StartError),
    /// The TLS library refused what it should never refuse.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Another subscriber is there: a process has one log.
    #[error("the process has a log already")]
    Log,
    /// A thread or a signal handler.
    #[error("cannot start: {0}")]
    System(#[from] io::Error),
    /// An address in use, or not ours.
    #[error("cannot listen on {addresses}: {reason}")]
    Listen {
        /// As they are written.
        addresses: String,
        /// What the system says.
        reason: io::Error,
    },
}

impl App {
    /// Reads the configuration and starts everything; when it returns, connections are accepted.
    ///
    /// # Errors
    /// Everything that is wrong with the configuration, at once; or what the system refuses.
    pub fn start(source: Source, environment: Environment, log: LogSink) -> Result<Self, AppError> {
        let (controller, reader) = Controller::start(source, environment, ProcessKeys::new()?)?;
        let config = controller.config().clone();
        let settings = settings(&config);
        let metrics = Arc::new(Metrics::new(settings.workers.get()));
        metrics.watch_log(log.clone());
        let level = Level::from_level(config.log.level.into());
        let control = telemetry::init(log_format(config.log.format), level, log.clone())
            .map_err(|_| AppError::Log)?;
        let controller = controller.observed(Arc::clone(&metrics), Some(control));

        let store = config.accounts.as_ref().map(|accounts| &accounts.store);
        let readiness = Readiness::awaiting([LISTENING].into_iter().chain(store.map(|_| STORE)));
        let (calls, asked) = Calls::new();
        let (controller, news, sightings, desk, store) = match store {
            // Nobody hears of keys that there are none of.
            None => (controller, None, mpsc::channel(1).0, None, None),
            Some(path) => {
                let (sightings, seen) = mpsc::channel(SIGHTINGS);
                let (store, open) = KeptStore::new(path.clone());
                let (controller, news) = controller.with_store(open, seen);
                let desk = start_accounts(reader.clone(), store.handle(), &news, asked)?;
                (controller, Some(news), sightings, desk, Some(store))
            }
        };
        let telemetry = start_telemetry(&config, &metrics, &readiness)?;
        let admin = bind_admin(&config)?;
        let (drain, draining) = Drain::new();
        let scheme = if reader.load().tls.is_some() {
            "https"
        } else {
            "http"
        };
        if let Some(desk) = desk.clone() {
            metrics.watch_logins(move || desk.login_counts());
        }
        let requests = start_control(controller, news, &readiness)?;
        let office = |oversight| Office {
            reader: reader.clone(),
            metrics: Arc::clone(&metrics),
            oversight,
            control: requests.clone(),
            desk,
        };
        let shared = Shared {
            reader: reader.clone(),
            metrics: Arc::clone(&metrics),
            log: log.clone(),
            draining,
            places: Places::new(),
            limiter: Limiter::new(),
            sightings,
            calls,
        };
        let data_plane = start_data_plane(&settings, &shared)?;
        let admin = admin
            .map(|listener| start_admin(listener, office(data_plane.oversight().clone())))
            .transpose()?;
        readiness.met(LISTENING);
        Ok(Self {
            data_plane,
            telemetry,
            admin,
            scheme,
            drain,
            readiness,
            requests,
            store,
            log,
        })
    }

    /// The addresses for clients, with the ports that were given for port 0.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        self.data_plane.addresses()
    }

    /// One line a listener, with its real address: `ready https://127.0.0.1:8443`.
    pub fn announcements(&self) -> impl Iterator<Item = String> {
        let clients = self.data_plane.addresses().iter();
        let redirects = self.data_plane.redirects().iter();
        clients
            .map(|address| format!("ready {}://{address}", self.scheme))
            .chain(redirects.map(|address| format!("redirect http://{address}")))
            .chain(
                self.telemetry
                    .map(|address| format!("telemetry http://{address}")),
            )
            .chain(self.admin.iter().map(|url| format!("admin {url}")))
    }

    /// Serves until a signal ends it: `SIGHUP` reloads, the first `SIGTERM` or `SIGINT` drains, a
    /// second one ends at once.
    ///
    /// # Errors
    /// When the process was told to end before its requests and sockets were done.
    pub async fn run(self, signals: &mut Signals) -> Result<(), Aborted> {
        let ended = self.serve(signals).await;
        if let (Ok(()), Some(store)) = (&ended, &self.store) {
            store.close().await;
        }
        self.log.flush_blocking(LAST_WORDS);
        ended
    }

    async fn serve(&self, signals: &mut Signals) -> Result<(), Aborted> {
        loop {
            tokio::select! {
                signal = signals.next() => match signal {
                    Signal::Reload => self.reload(),
                    Signal::Stop => self.stop(),
                    Signal::Abort => return Err(Aborted),
                },
                () = self.drain.drained() => return Ok(()),
            }
        }
    }

    /// Compares every file with what runs, now.
    fn reload(&self) {
        // The control thread is gone only when the process ends.
        let _ = self.requests.send(Request::Reload);
    }

    /// Accepts no more; requests in flight finish, sockets are closed with 1012.
    fn stop(&self) {
        tracing::info!("draining");
        self.readiness.missing(NOT_DRAINING);
        self.drain.start();
    }
}

/// A second signal cut the drain short.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("ended before it had drained")]
pub struct Aborted;

fn settings(config: &Config) -> Settings {
    Settings {
        addresses: config.listen.addresses(config.tls.as_ref()),
        redirects: config
            .listen
            .redirect
            .0
            .iter()
            .map(|address| address.0)
            .collect(),
        workers: match config.listen.workers {
            Workers::Auto => cores::available(),
            Workers::Count(count) => count,
        },
    }
}

fn log_format(format: Format) -> LogFormat {
    match format {
        Format::Json => LogFormat::Json,
        Format::Text => LogFormat::Text,
    }
}

/// Starts what answers requests that are about users.
fn start_accounts(
    reader: Reader<Snapshot>,
    store: StoreHandle,
    news: &News,
    asked: mpsc::Receiver<Call>,
) -> io::Result<Option<Arc<Desk>>> {
    let Some(settings) = reader.load().accounts.clone() else {
        return Ok(None);
    };
    let threads = HashingPool::threads_of(cores::available());
    let desk = Arc::new(Desk::new(accounts::service::Parts {
        reader,
        ledger: Ledger::new(store, news.in_force.clone()),
        pool: HashingPool::new(threads)?,
        settings,
    }));
    let service = accounts::service::serve(Arc::clone(&desk), asked);
    spawn("accounts", service)?;
    Ok(Some(desk))
}

/// Starts the control plane, and waits until the store was tried.
fn start_control(
    controller: Controller,
    news: Option<News>,
    readiness: &Readiness,
) -> io::Result<mpsc::UnboundedSender<Request>> {
    let (requests, receiver) = mpsc::unbounded_channel();
    let Some(News {
        mut in_force,
        tried,
    }) = news
    else {
        spawn("control", controller.run(receiver))?;
        return Ok(requests);
    };
    let readiness = readiness.clone();
    spawn("control", async move {
        let ready = async {
            if in_force.changed().await.is_ok() {
                readiness.met(STORE);
            }
        };
        tokio::join!(controller.run(receiver), ready);
    })?;
    // Whatever comes of it: declared keys do not wait for a store.
    let _ = tried.recv_timeout(STORE_PATIENCE);
    Ok(requests)
}

fn start_telemetry(
    config: &Config,
    metrics: &Arc<Metrics>,
    readiness: &Readiness,
) -> Result<Option<SocketAddr>, AppError> {
    let OrOff::Value(address) = &config.telemetry.address else {
        return Ok(None);
    };
    let failed = |reason| AppError::Listen {
        addresses: address.0.to_string(),
        reason,
    };
    let listener = TcpListener::bind(address.0).map_err(failed)?;
    listener.set_nonblocking(true)?;
    let bound = listener.local_addr()?;
    let (metrics, readiness) = (Arc::clone(metrics), readiness.clone());
    spawn("telemetry", async move {
        match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => server::serve(listener, metrics, readiness).await,
            Err(error) => tracing::error!(%error, "no telemetry"),
        }
    })?;
    Ok(Some(bound))
}

fn bind_admin(config: &Config) -> Result<Option<Listener>, AppError> {
    let OrOff::Value(address) = &config.admin.address else {
        return Ok(None);
    };
    let bound = Listener::bind(address).map_err(|reason| AppError::Listen {
        addresses: address.to_string(),
        reason,
    });
    bound.map(Some)
}

/// Starts what answers operators; says where.
fn start_admin(listener: Listener, office: Office) -> io::Result<String> {
    let url = listener.url();
    spawn("admin", async move {
        if let Err(error) = admin::serve(listener, Arc::new(office)).await {
            tracing::error!(%error, "no admin API");
        }
    })?;
    Ok(url)
}

fn start_data_plane(settings: &Settings, shared: &Shared) -> Result<DataPlane, AppError> {
    DataPlane::start(settings, shared).map_err(|reason| {
        let addresses = settings.addresses.iter().chain(&settings.redirects);
        let addresses: Vec<_> = addresses.map(ToString::to_string).collect();
        AppError::Listen {
            addresses: addresses.join(", "),
            reason,
        }
    })
}

/// Runs a future on a thread and a runtime of its own.
fn spawn(name: &str, future: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || runtime.block_on(future))?;
    Ok(())
}

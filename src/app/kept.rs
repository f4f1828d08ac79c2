//! [`KeptStore`]: the store of this process, from its opening to its end.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use crate::accounts::service::StoreHandle;
use crate::control::Opener;
use crate::store::{SqliteStore, Store};

/// How long it may take to close: a disk that hangs does not keep the process.
const PATIENCE: Duration = Duration::from_secs(5);

/// The store, as soon as it could be opened.
pub(super) struct KeptStore(StoreHandle);

impl KeptStore {
    /// What opens this file, and what is opened then.
    pub(super) fn new(path: PathBuf) -> (Self, Opener) {
        let (opened, handle) = watch::channel(None);
        let opened = Arc::new(opened);
        let open = move || {
            let (path, opened) = (path.clone(), Arc::clone(&opened));
            async move {
                let store: Arc<dyn Store> = Arc::new(SqliteStore::open(path).await?);
                opened.send_replace(Some(Arc::clone(&store)));
                Ok(store)
            }
            .boxed()
        };
        (Self(handle), Box::new(open))
    }

    pub(super) fn handle(&self) -> StoreHandle {
        self.0.clone()
    }

    /// Closes it. What was acknowledged is there without that, but in two files, of which a copy
    /// may miss one.
    pub(super) async fn close(&self) {
        let Some(store) = self.0.borrow().clone() else {
            return;
        };
        let (tell, closed) = oneshot::channel();
        let close = move || {
            store.close();
            let _ = tell.send(());
        };
        let thread = thread::Builder::new().name("store-close".to_owned());
        if thread.spawn(close).is_err() || timeout(PATIENCE, closed).await.is_err() {
            tracing::warn!(
                "the store could not be closed in time: what is beside it belongs to it"
            );
        }
    }
}

impl fmt::Debug for KeptStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeptStore(…)")
    }
}

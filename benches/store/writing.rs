//! A writer that says what was acknowledged, and the check that all of that is there.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, BufRead as _, Write as _};

use doorward::auth::Directory;
use doorward::store::{
    Author, Change, Changes, Entry, MemoryStore, Page, Revision, SqliteStore, Store, StoreError,
};
use futures_util::future::join_all;

use crate::changes::{author, change};

/// So many things that most changes are made, and many meet others.
const THINGS: u64 = 200;
/// So many changes are asked for before any is answered.
const AT_ONCE: u64 = 8;

/// Makes the changes of so many numbers from `first` on, and says what became of each that was not
/// refused. After one that failed it waits for a line before it goes on.
pub(crate) async fn write(store: &dyn Store, first: u64, count: u64) -> io::Result<()> {
    let mut next = first;
    while next < first + count {
        let numbers = next..(next + AT_ONCE).min(first + count);
        let asked = numbers.clone().map(|number| ask(store, number));
        let mut said = String::new();
        for (number, outcome) in numbers.zip(join_all(asked).await) {
            let _ = match outcome {
                Ok(revision) => writeln!(said, "acknowledged {revision} {number}"),
                Err(StoreError::Refused(_)) => Ok(()),
                Err(error) => writeln!(said, "failed {number} {error}"),
            };
        }
        io::stdout().write_all(said.as_bytes())?;
        io::stdout().flush()?;
        if said.contains("failed") {
            io::stdin().lock().read_line(&mut said)?;
        }
        next += AT_ONCE;
    }
    Ok(())
}

fn ask(store: &dyn Store, number: u64) -> impl Future<Output = Result<Revision, StoreError>> {
    store.apply(change(number, THINGS), author(number))
}

/// What was acknowledged, as `write` has said it: the number of each revision. A line that was cut
/// off by the end of the writer is none.
pub(crate) fn acknowledged(said: &str) -> BTreeMap<i64, u64> {
    let lines = said
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n'));
    let revisions = lines.filter_map(|line| {
        let (revision, number) = line
            .trim_end()
            .strip_prefix("acknowledged ")?
            .split_once(' ')?;
        Some((revision.parse().ok()?, number.parse().ok()?))
    });
    revisions.collect()
}

/// Holds a store to its own log, and the log to what was acknowledged: the rows are what the
/// logged changes make of an empty store, the feed tells of all of them, and none is missing.
///
/// # Errors
/// What is not so.
pub(crate) async fn verify(
    store: &SqliteStore,
    acknowledged: &BTreeMap<i64, u64>,
) -> Result<Vec<Entry>, String> {
    let failed = |error: StoreError| error.to_string();
    if let Some(flaw) = store.check().await.map_err(failed)?.first() {
        return Err(flaw.to_string());
    }
    let page = Page {
        before: None,
        limit: u32::MAX,
    };
    let mut log = store.audit(page).await.map_err(failed)?;
    log.reverse();
    let (directory, revision) = store.load().await.map_err(failed)?;
    if replayed(&log).await? != (directory.clone(), revision) {
        return Err("the rows are not what the log has made of them".to_owned());
    }
    if let Changes::Since(records, _) = store.changes(Revision(0)).await.map_err(failed)? {
        let mut followed = Directory::default();
        for record in records {
            followed.absorb(record);
        }
        if followed != directory {
            return Err("the feed doesn't lead to the rows".to_owned());
        }
    }
    let logged: BTreeMap<_, _> = log.iter().map(|it| (it.revision.0, &it.by.name)).collect();
    for (revision, number) in acknowledged {
        if logged
            .get(revision)
            .is_none_or(|name| **name != number.to_string())
        {
            return Err(format!("revision {revision} was acknowledged and is lost"));
        }
    }
    Ok(log)
}

/// What the changes of a log make of an empty store.
async fn replayed(log: &[Entry]) -> Result<(Directory, Revision), String> {
    let store = MemoryStore::new();
    for entry in log {
        let made = the_change(entry).ok_or_else(|| format!("{entry} was asked for by nobody"))?;
        let (change, by) = made;
        if store.apply(change, by).await != Ok(entry.revision) {
            return Err(format!("{entry} makes no sense at its place"));
        }
    }
    store.load().await.map_err(|error| error.to_string())
}

/// The change that an entry tells of, if it tells of it as it was.
fn the_change(entry: &Entry) -> Option<(Change, Author)> {
    let number = entry.by.name.parse().ok()?;
    let (change, by) = (change(number, THINGS), author(number));
    let is_told = entry.action == change.action()
        && (&entry.subject, &entry.detail) == (&change.subject(), &change.detail())
        && entry.by == by;
    is_told.then_some((change, by))
}

//! A writer that is ended at any moment: what it was told is there. `dev/prove store` does it two
//! hundred times.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use doorward::store::SqliteStore;

use crate::writing::{acknowledged, verify, write};

/// Where the writer of the test below finds its file, and its first number.
const FILE: &str = "DOORWARD_TEST_STORE";
const FIRST: &str = "DOORWARD_TEST_FIRST";
/// So many numbers are a writer's own.
const OWN: u64 = 1_000_000;

/// Not a test: what the tests below run as other processes.
#[tokio::test]
#[ignore = "runs as another process"]
async fn writer() {
    let (Ok(file), Ok(first)) = (std::env::var(FILE), std::env::var(FIRST)) else {
        return;
    };
    let store = SqliteStore::open(file).await.unwrap();
    write(&store, first.parse().unwrap(), OWN).await.unwrap();
}

fn spawn(file: &Path, first: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kills::writer", "--ignored", "--nocapture"])
        .env(FILE, file)
        .env(FIRST, first.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Ends a writer after so many lines, and answers with all that it has said.
fn kill_after(lines: usize, mut writer: Child) -> String {
    let mut from = BufReader::new(writer.stdout.take().unwrap());
    let mut said = String::new();
    for _ in 0..lines {
        from.read_line(&mut said).unwrap();
    }
    writer.kill().unwrap();
    from.read_to_string(&mut said).unwrap();
    writer.wait().unwrap();
    said
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_the_writer_was_killed() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("store.db");
    let mut said = String::new();
    for round in 0..5 {
        said += &kill_after(
            40 + 31 * usize::try_from(round).unwrap(),
            spawn(&file, round * OWN),
        );
        let store = SqliteStore::open(&file).await.unwrap();
        let acknowledged = acknowledged(&said);
        assert!(acknowledged.len() > 10);
        verify(&store, &acknowledged).await.unwrap();
    }
}

#[tokio::test]
async fn two_processes_write_one_file_and_neither_loses_anything() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("store.db");
    let writers = [0, 1, 2].map(|one| spawn(&file, one * OWN));
    let said: String = writers.map(|writer| kill_after(100, writer)).concat();
    let store = SqliteStore::open(&file).await.unwrap();
    let acknowledged = acknowledged(&said);
    let mut authors = [0; 3];
    for number in acknowledged.values() {
        authors[usize::try_from(number / OWN).unwrap()] += 1;
    }
    assert!(authors.iter().all(|made| *made > 50), "{authors:?}");
    verify(&store, &acknowledged).await.unwrap();
}

//! A file that may be read and not written: it is served, told of as read-only, and left alone.

use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use doorward::store::{Change, SqliteStore, Store};
use tempfile::TempDir;

use crate::contract::{account, by, is_told};

/// Where the process below finds its file.
const FILE: &str = "DOORWARD_TEST_READ_ONLY";
/// Somebody who owns nothing; who runs the tests may be somebody who may do everything.
const NOBODY: u32 = 65_534;

/// Not a test: opens the file and does what each line of stdin says.
#[tokio::test]
#[ignore = "runs as another process"]
async fn visitor() {
    let Ok(file) = std::env::var(FILE) else {
        return;
    };
    let store = match SqliteStore::open(file).await {
        Ok(store) => store,
        Err(error) => return println!("said {error}"),
    };
    println!("said opened");
    let mut told = store.watch();
    for line in std::io::stdin().lines() {
        match line.unwrap().as_str() {
            "apply" => {
                let outcome = store
                    .apply(Change::CreateAccount(account("visitor")), by(1))
                    .await;
                println!("said {}", outcome.unwrap_err());
            }
            "wait" => {
                let told = is_told(&mut told).await;
                println!("said {}", if told { "changed" } else { "the same" });
            }
            _ => match store.load().await {
                Ok((directory, _)) => println!("said {}", directory.account_count()),
                Err(error) => println!("said {error}"),
            },
        }
    }
}

/// A process that may not write, and what it says.
struct Visitor {
    process: Child,
    says: BufReader<ChildStdout>,
    /// The program, where everybody may run it.
    _program: TempDir,
}

impl Visitor {
    fn of(file: &Path) -> Self {
        let place = tempfile::tempdir().unwrap();
        fs::set_permissions(place.path(), Permissions::from_mode(0o755)).unwrap();
        let program = place.path().join("visitor");
        fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
        let mut command = Command::new(program);
        if fs::metadata("/proc/self").unwrap().uid() == 0 {
            command.uid(NOBODY).gid(NOBODY);
        }
        let mut process = command
            .args(["--exact", "read_only::visitor", "--ignored", "--nocapture"])
            .env(FILE, file)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let says = BufReader::new(process.stdout.take().unwrap());
        Self {
            process,
            says,
            _program: place,
        }
    }

    fn ask(&mut self, word: &str) -> String {
        writeln!(self.process.stdin.as_ref().unwrap(), "{word}").unwrap();
        self.hear()
    }

    /// The test harness may have said something on the same line.
    fn hear(&mut self) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.says.read_line(&mut line).unwrap(), 0, "it has ended");
            if let Some((_, said)) = line.trim_end().split_once("said ") {
                return said.to_owned();
            }
        }
    }
}

impl Drop for Visitor {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        self.process.wait().unwrap();
    }
}

/// A store with one user in a folder; both may be shut and opened again.
struct Scene {
    place: TempDir,
    file: PathBuf,
}

impl Scene {
    async fn new() -> (Self, SqliteStore) {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("store.db");
        let store = SqliteStore::open(&file).await.unwrap();
        store
            .apply(Change::CreateAccount(account("first")), by(1))
            .await
            .unwrap();
        (Self { place, file }, store)
    }

    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.place.path()).unwrap();
        let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }

    fn shut(&self) {
        for file in self.files() {
            fs::set_permissions(file, Permissions::from_mode(0o444)).unwrap();
        }
        fs::set_permissions(self.place.path(), Permissions::from_mode(0o555)).unwrap();
    }

    fn unshut(&self) {
        fs::set_permissions(self.place.path(), Permissions::from_mode(0o755)).unwrap();
        for file in self.files() {
            fs::set_permissions(file, Permissions::from_mode(0o644)).unwrap();
        }
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.unshut();
    }
}

#[tokio::test]
async fn a_read_only_file_is_served_and_left_alone_until_somebody_else_writes() {
    let (scene, store) = Scene::new().await;
    drop(store);
    scene.shut();
    let before = fs::read(&scene.file).unwrap();
    let mut visitor = Visitor::of(&scene.file);
    assert_eq!(visitor.hear(), "opened");
    assert_eq!(visitor.ask("load"), "1");
    assert_eq!(visitor.ask("apply"), "the store is read-only");
    assert_eq!(visitor.ask("load"), "1");
    assert_eq!(scene.files().len(), 1, "nothing lies beside it");
    assert_eq!(fs::read(&scene.file).unwrap(), before);
    scene.unshut();
    let store = SqliteStore::open(&scene.file).await.unwrap();
    store
        .apply(Change::CreateAccount(account("second")), by(1))
        .await
        .unwrap();
    drop(store);
    scene.shut();
    assert_eq!(visitor.ask("wait"), "changed");
    assert_eq!(visitor.ask("load"), "2");
}

#[tokio::test]
async fn whoever_may_only_read_follows_a_writer_that_runs() {
    let (scene, store) = Scene::new().await;
    scene.shut();
    let mut visitor = Visitor::of(&scene.file);
    assert_eq!(visitor.hear(), "opened");
    assert_eq!(visitor.ask("load"), "1", "it is in the log alone so far");
    store
        .apply(Change::CreateAccount(account("second")), by(1))
        .await
        .unwrap();
    assert_eq!(visitor.ask("wait"), "changed");
    assert_eq!(visitor.ask("load"), "2");
    assert_eq!(visitor.ask("apply"), "the store is read-only");
}

#[tokio::test]
async fn in_a_folder_that_is_shut_an_open_file_is_read_only_too() {
    let (scene, store) = Scene::new().await;
    drop(store);
    scene.shut();
    fs::set_permissions(&scene.file, Permissions::from_mode(0o666)).unwrap();
    let mut visitor = Visitor::of(&scene.file);
    assert_eq!(visitor.hear(), "opened");
    assert_eq!(visitor.ask("load"), "1");
    assert_eq!(visitor.ask("apply"), "the store is read-only");
}

#[tokio::test]
async fn a_log_that_has_to_be_recovered_is_not_passed_over() {
    let (scene, store) = Scene::new().await;
    let (left, _) = Scene::new().await;
    fs::copy(&scene.file, &left.file).unwrap();
    let log = |scene: &Scene| scene.place.path().join("store.db-wal");
    fs::copy(log(&scene), log(&left)).unwrap();
    drop(store);
    left.shut();
    let said = Visitor::of(&left.file).hear();
    assert!(said.contains("log that has to be recovered"), "{said}");
    left.unshut();
    let recovered = SqliteStore::open(&left.file).await.unwrap();
    assert_eq!(recovered.load().await.unwrap().0.account_count(), 1);
}

#[tokio::test]
async fn where_no_file_can_be_made_there_is_no_store() {
    let (scene, store) = Scene::new().await;
    drop(store);
    scene.shut();
    let said = Visitor::of(&scene.place.path().join("another.db")).hear();
    assert_eq!(said, "the store is read-only");
}

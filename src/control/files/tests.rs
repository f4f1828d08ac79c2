//! Each way in which files are replaced in the field, on a real directory.

use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::symlink;

use super::super::settle::PATIENCE;
use super::*;

/// A followed file in a directory of its own.
struct Fixture {
    files: Files,
    home: PathBuf,
    path: PathBuf,
    _dir: tempfile::TempDir,
}

impl Fixture {
    /// Follows `home/name`, which `prepare` may have made.
    fn new(name: &str, prepare: impl FnOnce(&Path)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().canonicalize().unwrap();
        prepare(&home);
        let path = home.join(name);
        let mut files = Files::new(Instant::now());
        files.follow(&BTreeSet::from([path.clone()]));
        files.read(&path);
        Self {
            files,
            home,
            path,
            _dir: dir,
        }
    }

    fn holding(text: &str) -> Self {
        Self::new("file", |home| fs::write(home.join("file"), text).unwrap())
    }

    /// The next believed content, and how long it took.
    async fn next(&mut self) -> (Content, Duration) {
        let since = Instant::now();
        let mut changed = tokio::time::timeout(Duration::from_secs(8), self.files.changed())
            .await
            .expect("the change is seen by events, not by the slow re-read");
        assert_eq!(changed.len(), 1);
        let (path, content) = changed.remove(0);
        assert_eq!(path, self.path);
        (content, since.elapsed())
    }

    /// Asserts that nothing is believed for a while.
    async fn nothing_for(&mut self, time: Duration) {
        let found = tokio::time::timeout(time, self.files.changed()).await;
        assert!(found.is_err(), "believed {found:?}");
    }

    async fn becomes(&mut self, text: &str) {
        let (content, took) = self.next().await;
        assert_eq!(content, Content::bytes(text));
        assert!(took < Duration::from_millis(300), "{took:?}");
    }
}

#[tokio::test]
async fn an_atomic_rename_is_believed() {
    let mut file = Fixture::holding("old");
    fs::write(file.home.join("new"), "new").unwrap();
    fs::rename(file.home.join("new"), &file.path).unwrap();
    file.becomes("new").await;
}

#[tokio::test]
async fn truncating_and_writing_in_place_is_believed_when_closed() {
    let mut file = Fixture::holding("a long old text");
    fs::write(&file.path, "new").unwrap();
    file.becomes("new").await;
}

#[tokio::test]
async fn a_writer_that_pauses_with_the_file_open_is_waited_for() {
    let mut file = Fixture::holding("one\ntwo\nthree\n");
    let mut writer = File::create(&file.path).unwrap();
    file.nothing_for(CALM * 3).await;
    writer.write_all(b"one\n").unwrap();
    file.nothing_for(CALM * 5).await;
    writer.write_all(b"three\n").unwrap();
    drop(writer);
    file.becomes("one\nthree\n").await;
}

#[tokio::test]
async fn the_slow_re_read_does_not_believe_an_open_file_either() {
    let mut file = Fixture::holding("one\ntwo\n");
    let mut writer = File::create(&file.path).unwrap();
    writer.write_all(b"one\n").unwrap();
    file.files.reread(Instant::now());
    file.nothing_for(CALM * 5).await;
    writer.write_all(b"two\nthree\n").unwrap();
    drop(writer);
    file.becomes("one\ntwo\nthree\n").await;
}

#[tokio::test]
async fn a_writer_that_never_closes_is_believed_in_the_end() {
    let mut file = Fixture::holding("old");
    let mut writer = File::create(&file.path).unwrap();
    writer.write_all(b"new").unwrap();
    let (content, took) = file.next().await;
    assert_eq!(content, Content::bytes("new"));
    assert!(took >= PATIENCE && took < PATIENCE * 2, "{took:?}");
}

#[tokio::test]
async fn appending_is_believed() {
    let mut file = Fixture::holding("one\n");
    let mut writer = OpenOptions::new().append(true).open(&file.path).unwrap();
    writer.write_all(b"two\n").unwrap();
    drop(writer);
    file.becomes("one\ntwo\n").await;
}

#[tokio::test]
async fn an_editors_backup_rename_and_chmod_is_one_change() {
    let mut file = Fixture::holding("old");
    fs::rename(&file.path, file.home.join("file~")).unwrap();
    fs::write(&file.path, "new").unwrap();
    let mut permissions = file.path.metadata().unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&file.path, permissions).unwrap();
    fs::remove_file(file.home.join("file~")).unwrap();
    file.becomes("new").await;
    file.nothing_for(CALM * 2).await;
}

#[tokio::test]
async fn a_kubernetes_swap_is_believed_again_and_again() {
    let version = |home: &Path, name: &str, text: &str| {
        fs::create_dir(home.join(name)).unwrap();
        fs::write(home.join(name).join("file"), text).unwrap();
        symlink(name, home.join("..data_tmp")).unwrap();
        fs::rename(home.join("..data_tmp"), home.join("..data")).unwrap();
    };
    let mut file = Fixture::new("file", |home| {
        version(home, "..1", "one");
        symlink("..data/file", home.join("file")).unwrap();
    });
    for n in 2..6 {
        version(&file.home, &format!("..{n}"), &n.to_string());
        fs::remove_dir_all(file.home.join(format!("..{}", n - 1))).unwrap();
        file.becomes(&n.to_string()).await;
    }
}

#[tokio::test]
async fn a_link_made_anew_is_believed() {
    let mut file = Fixture::new("file", |home| {
        fs::write(home.join("a"), "a").unwrap();
        fs::write(home.join("b"), "b").unwrap();
        symlink("a", home.join("file")).unwrap();
    });
    fs::remove_file(&file.path).unwrap();
    symlink("b", &file.path).unwrap();
    file.becomes("b").await;
    fs::write(file.home.join("b"), "c").unwrap();
    file.becomes("c").await;
}

#[tokio::test]
async fn a_file_that_is_removed_and_comes_back_is_seen_both_times() {
    let mut file = Fixture::holding("old");
    fs::remove_file(&file.path).unwrap();
    assert_eq!(file.next().await.0, Content::Missing);
    fs::write(&file.path, "new").unwrap();
    file.becomes("new").await;
}

#[tokio::test]
async fn a_file_removed_and_recreated_at_once_is_never_missing() {
    let mut file = Fixture::holding("old");
    fs::remove_file(&file.path).unwrap();
    fs::write(&file.path, "new").unwrap();
    file.becomes("new").await;
}

#[tokio::test]
async fn a_directory_that_appears_later_is_watched() {
    let mut file = Fixture::new("secrets/deep/file", |_| {});
    fs::create_dir_all(file.path.parent().unwrap()).unwrap();
    file.nothing_for(CALM).await;
    fs::write(&file.path, "one").unwrap();
    file.becomes("one").await;
    fs::write(&file.path, "two").unwrap();
    file.becomes("two").await;
}

#[tokio::test]
async fn a_directory_replaced_by_another_is_watched() {
    let mut file = Fixture::new("secrets/file", |home| {
        for name in ["secrets", "next"] {
            fs::create_dir(home.join(name)).unwrap();
            fs::write(home.join(name).join("file"), name).unwrap();
        }
    });
    fs::rename(file.home.join("secrets"), file.home.join("previous")).unwrap();
    fs::rename(file.home.join("next"), file.home.join("secrets")).unwrap();
    file.becomes("next").await;
    fs::write(&file.path, "later").unwrap();
    file.becomes("later").await;
    fs::remove_dir_all(file.home.join("secrets")).unwrap();
    assert_eq!(file.next().await.0, Content::Missing);
    fs::create_dir(file.home.join("secrets")).unwrap();
    fs::write(&file.path, "last").unwrap();
    file.becomes("last").await;
}

#[tokio::test]
async fn rewriting_the_same_content_is_no_change() {
    let mut file = Fixture::holding("same");
    fs::write(&file.path, "same").unwrap();
    file.nothing_for(CALM * 3).await;
}

#[tokio::test]
async fn what_no_event_told_is_found_by_a_re_read() {
    let mut file = Fixture::holding("old");
    file.files.watch = Watch::new();
    fs::write(&file.path, "new").unwrap();
    file.files.reread(Instant::now());
    file.becomes("new").await;
}

#[tokio::test]
async fn files_that_change_together_come_together() {
    let dir = tempfile::tempdir().unwrap();
    let paths: BTreeSet<PathBuf> = ["a", "b"].map(|name| dir.path().join(name)).into();
    let mut files = Files::new(Instant::now());
    files.follow(&paths);
    for path in &paths {
        fs::write(path, "new").unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(files.changed().await.len(), 2);
}

#[tokio::test]
async fn an_open_file_does_not_delay_another() {
    let dir = tempfile::tempdir().unwrap();
    let [slow, fast] = ["slow", "fast"].map(|name| dir.path().join(name));
    let mut files = Files::new(Instant::now());
    files.follow(&BTreeSet::from([slow.clone(), fast.clone()]));
    let mut writer = File::create(&slow).unwrap();
    writer.write_all(b"half").unwrap();
    fs::write(&fast, "new").unwrap();
    let since = Instant::now();
    let changed = files.changed().await;
    assert_eq!(changed, [(fast, Content::bytes("new"))]);
    assert!(since.elapsed() < Duration::from_millis(300));
    drop(writer);
    assert_eq!(files.changed().await, [(slow, Content::bytes("half"))]);
}

#[tokio::test]
async fn no_prefix_of_a_file_written_byte_by_byte_is_ever_believed() {
    let text = "[[key]]\nid = 'a'\n[[key]]\nid = 'b'\n";
    let mut file = Fixture::holding("old");
    let mut writer = OpenOptions::new().write(true).open(&file.path).unwrap();
    writer.set_len(0).unwrap();
    for byte in text.bytes() {
        writer.write_all(&[byte]).unwrap();
        file.nothing_for(Duration::from_millis(5)).await;
    }
    file.nothing_for(CALM * 2).await;
    drop(writer);
    file.becomes(text).await;
}

#[tokio::test]
async fn a_second_write_right_after_the_first_is_not_believed_by_half() {
    let mut file = Fixture::holding("old");
    let mut writer = OpenOptions::new().write(true).open(&file.path).unwrap();
    for n in 0..20 {
        fs::write(&file.path, "complete").unwrap();
        writer.set_len(0).unwrap();
        writer.seek(SeekFrom::Start(0)).unwrap();
        writer.write_all(b"com").unwrap();
        file.nothing_for(Duration::from_millis(7 * n)).await;
    }
    writer.write_all(b"plete at last").unwrap();
    drop(writer);
    file.becomes("complete at last").await;
}

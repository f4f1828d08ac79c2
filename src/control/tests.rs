//! Files change in a real directory; the snapshot in force follows.

mod plane;
mod store;

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::*;
use crate::snapshot::Generation;
use plane::{Home, Plane, config, pair, serves};

const KEY_A: &str = "[[key]]\nid = 'a'\nuser = 'alice'\n\
    sha256 = '2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae'\n";
const KEY_B: &str = "[[key]]\nid = 'b'\nuser = 'bob'\n\
    sha256 = 'fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9'\n";
const DIGEST_C: &str = "baa5a0964d3320fbc0c6a922140453c8513ea24ab8fd0577034804a967248096\n";

const TLS: &str = "[tls]\ncertificate = 'HOME/c.pem'\nkey = 'HOME/k.pem'\n";

#[tokio::test]
async fn a_key_comes_and_goes_with_its_block_within_300_ms() {
    let mut plane = Home::new().plane(KEY_A).await;
    for (text, count) in [(format!("{KEY_A}{KEY_B}"), 2), (KEY_B.to_owned(), 1)] {
        let since = Instant::now();
        plane.write_config(&text);
        plane.until_keys(count).await;
        assert!(
            since.elapsed() < Duration::from_millis(300),
            "{:?}",
            since.elapsed()
        );
    }
}

#[tokio::test]
async fn a_broken_config_changes_nothing_and_the_next_good_one_counts() {
    let mut plane = Home::new().plane(&format!("{KEY_A}{KEY_B}")).await;
    let broken = ["[[key", "[backend]\nurl = 3\n", "", "nonsense = 1\n"];
    for (text, failures) in broken.into_iter().zip(1..) {
        plane.write("doorward.toml", text);
        plane.until_failures("doorward.toml", failures).await;
        assert_eq!(plane.reader.generation(), FIRST);
    }
    plane.write_config(KEY_A);
    plane.until_keys(1).await;
}

#[tokio::test]
async fn a_removed_config_changes_nothing_and_a_recreated_one_counts() {
    let mut plane = Home::new().plane(KEY_A).await;
    fs::remove_file(plane.home.join("doorward.toml")).unwrap();
    plane.until_failed("doorward.toml").await;
    assert_eq!(plane.keys(), 1);
    plane.write_config(&format!("{KEY_A}{KEY_B}"));
    plane.until_keys(2).await;
}

#[tokio::test]
async fn no_prefix_of_a_config_is_in_force_while_its_writer_pauses() {
    let mut plane = Home::new().plane(&format!("{KEY_A}{KEY_B}")).await;
    let text = config(
        &plane.home,
        &format!("{KEY_B}{KEY_A}[limits]\nheader_count = 77\n"),
    );
    let mut writer = OpenOptions::new()
        .write(true)
        .open(plane.home.join("doorward.toml"))
        .unwrap();
    writer.set_len(0).unwrap();
    for byte in text.bytes() {
        writer.write_all(&[byte]).unwrap();
        tokio::time::sleep(Duration::from_millis(3)).await;
        assert_eq!(plane.reader.generation(), FIRST);
    }
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(plane.reader.generation(), FIRST);
    drop(writer);
    plane
        .until(|snapshot| snapshot.limits.header_count == 77)
        .await;
    assert_eq!(
        (plane.keys(), plane.reader.generation()),
        (2, Generation(2))
    );
}

#[tokio::test]
async fn a_pair_that_does_not_match_does_not_delay_a_revocation() {
    let home = Home::new();
    let (old, new) = (pair("old.example"), pair("new.example"));
    home.write("c.pem", &old.0);
    home.write("k.pem", &old.1);
    let mut plane = home.plane(&format!("{TLS}{KEY_A}{KEY_B}")).await;
    plane.write("c.pem", &new.0);
    plane.write_config(&format!("{TLS}{KEY_A}"));
    plane.until_keys(1).await;
    plane.until_failed("c.pem").await;
    assert!(serves("old.example")(&plane.reader.load()));
    plane.write("k.pem", &new.1);
    plane.until(serves("new.example")).await;
}

#[tokio::test]
async fn a_pair_that_is_replaced_together_is_one_reload() {
    let home = Home::new();
    let (old, new) = (pair("old.example"), pair("new.example"));
    home.write("c.pem", &old.0);
    home.write("k.pem", &old.1);
    let mut plane = home.plane(&format!("{TLS}{KEY_A}")).await;
    plane.write("c.pem", &new.0);
    plane.write("k.pem", &new.1);
    plane.until(serves("new.example")).await;
    assert_eq!(plane.reader.generation(), Generation(2));
}

#[tokio::test]
async fn a_keys_file_is_followed_and_its_absence_keeps_the_last_good_keys() {
    let home = Home::new();
    home.write("keys", DIGEST_C);
    let text = format!("{KEY_A}[[keys_file]]\npath = 'HOME/keys'\nuser = 'carol'\n");
    let mut plane = home.plane(&text).await;
    assert_eq!(plane.keys(), 2);
    fs::remove_file(plane.home.join("keys")).unwrap();
    plane.until_failed("keys").await;
    assert_eq!(plane.keys(), 2);
    plane.write("keys", "# nobody any more\n");
    plane.until_keys(1).await;
}

#[tokio::test]
async fn what_a_new_config_refers_to_may_come_after_it() {
    let mut plane = Home::new().plane(KEY_A).await;
    let file = "[[keys_file]]\npath = 'HOME/late/keys'\nuser = 'carol'\n";
    plane.write_config(&format!("{KEY_A}{KEY_B}{file}"));
    plane.until_failed("doorward.toml").await;
    assert_eq!(plane.keys(), 1, "the config is not in force by half");
    fs::create_dir(plane.home.join("late")).unwrap();
    plane.write("late/keys", DIGEST_C);
    plane.until_keys(3).await;
}

#[tokio::test]
async fn a_config_and_a_unit_that_do_not_go_together_do_not_block_each_other() {
    let home = Home::new();
    home.write("keys", DIGEST_C);
    let file = "[[keys_file]]\npath = 'HOME/keys'\nuser = 'carol'\n";
    let mut plane = home.plane(&format!("{KEY_A}{KEY_B}{file}")).await;
    // The digest of a declared key in the file too: refused, the last good state stays.
    let twice =
        format!("{DIGEST_C}2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae\n");
    plane.write("keys", &twice);
    plane.until_failed("doorward.toml").await;
    assert_eq!(plane.keys(), 3);
    // Bob is revoked in the config all the same, and then alice, which makes the file good.
    plane.write_config(&format!("{KEY_A}{file}"));
    plane.until_keys(2).await;
    plane.write_config(file);
    plane
        .until(|snapshot| snapshot.generation == Generation(3))
        .await;
    assert_eq!(plane.keys(), 2);
}

#[tokio::test]
async fn a_kubernetes_swap_changes_config_and_certificate_at_once() {
    let home = Home::new();
    let version = |home: &Path, name: &str, config: &str, host: &str| {
        fs::create_dir(home.join(name)).unwrap();
        let (certificate, key) = pair(host);
        for (file, text) in [
            ("doorward.toml", config),
            ("c.pem", &certificate),
            ("k.pem", &key),
        ] {
            fs::write(home.join(name).join(file), text).unwrap();
        }
        symlink(name, home.join("..data_tmp")).unwrap();
        fs::rename(home.join("..data_tmp"), home.join("..data")).unwrap();
    };
    version(
        &home.0,
        "..1",
        &config(&home.0, &format!("{TLS}{KEY_A}")),
        "old.example",
    );
    for name in ["doorward.toml", "c.pem", "k.pem"] {
        symlink(Path::new("..data").join(name), home.0.join(name)).unwrap();
    }
    let (controller, reader) = home.start().unwrap();
    let (requests, received) = mpsc::unbounded_channel();
    tokio::spawn(controller.run(received));
    let metrics = Arc::new(Metrics::new(0));
    let mut plane = Plane {
        home: home.0,
        reader,
        metrics,
        requests,
        _dir: home.1,
    };
    let next = config(&plane.home, &format!("{TLS}{KEY_A}{KEY_B}"));
    version(&plane.home, "..2", &next, "new.example");
    fs::remove_dir_all(plane.home.join("..1")).unwrap();
    plane.until(serves("new.example")).await;
    assert_eq!(
        (plane.keys(), plane.reader.generation()),
        (2, Generation(2))
    );
}

#[tokio::test]
async fn settings_that_need_a_restart_are_counted_and_the_rest_applies() {
    let mut plane = Home::new().plane(KEY_A).await;
    let moved = "[listen]\nworkers = 7\n[limits]\nheader_count = 77\n";
    plane.write_config(&format!("{KEY_A}{moved}"));
    plane
        .until(|snapshot| snapshot.limits.header_count == 77)
        .await;
    plane.until_metric(&["doorward_restart_required"], 1).await;
}

#[tokio::test]
async fn a_reload_may_be_asked_for() {
    let mut plane = Home::new().plane(KEY_A).await;
    plane.write_config(&format!("{KEY_A}{KEY_B}"));
    plane.requests.send(Request::Reload).unwrap();
    plane.until_keys(2).await;
}

#[test]
fn a_start_reports_everything_that_is_wrong() {
    let home = Home::new();
    let missing = "[[keys_file]]\npath = 'HOME/absent'\nuser = 'carol'\n";
    home.write(
        "doorward.toml",
        &config(&home.0, &format!("{TLS}{missing}[log]\nlevel = 'inof'\n")),
    );
    let Err(StartError::Invalid(report)) = home.start() else {
        panic!("it starts")
    };
    let lines: Vec<String> = report.lines().collect();
    for expected in ["c.pem", "absent", "inof"] {
        assert!(
            lines.iter().any(|line| line.contains(expected)),
            "{expected}: {lines:#?}"
        );
    }
    assert_eq!(lines.len(), 3, "{lines:#?}");
}

#[test]
fn a_start_without_a_file_says_so() {
    let error = Home::new().start().err().unwrap();
    assert!(
        error.to_string().contains("there is no such file"),
        "{error}"
    );
}

#[tokio::test]
async fn a_file_that_stays_open_holds_up_nothing_else() {
    let home = Home::new();
    home.write("keys", DIGEST_C);
    let file = "[[keys_file]]\npath = 'HOME/keys'\nuser = 'carol'\n";
    let mut plane = home.plane(&format!("{KEY_A}{KEY_B}{file}")).await;
    let mut writer = File::create(plane.home.join("keys")).unwrap();
    writer.write_all(b"# half").unwrap();
    let since = Instant::now();
    plane.write_config(&format!("{KEY_A}{file}"));
    plane.until_keys(2).await;
    assert!(
        since.elapsed() < Duration::from_millis(300),
        "{:?}",
        since.elapsed()
    );
    drop(writer);
    plane.until_keys(1).await;
}

//! `files`: watched files that are mounted on their own. Such a mount holds on to the file that
//! was there when it was made: one that is renamed into its place on the host is never seen.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs,
    os::unix::ffi::OsStringExt as _,
    path::{Path, PathBuf},
};

use super::finding::Finding;

const NAME: &str = "files";
/// What is mounted where, as this process sees it (`proc_pid_mountinfo(5)`).
const MOUNTS: &str = "/proc/self/mountinfo";

pub(super) fn check(watched: &BTreeSet<PathBuf>) -> Finding {
    let Ok(mounts) = fs::read(MOUNTS) else {
        return Finding::ok(NAME, "this system does not show what is mounted");
    };
    let mounts: BTreeSet<PathBuf> = mount_points(&mounts).collect();
    let alone = watched.iter().filter(|file| mounts.contains(&real(file)));
    judge(
        watched.len(),
        &alone.map(PathBuf::as_path).collect::<Vec<_>>(),
    )
}

/// Without links, as mounts are listed.
fn real(file: &Path) -> PathBuf {
    fs::canonicalize(file).unwrap_or_else(|_| file.to_owned())
}

fn judge(watched: usize, alone: &[&Path]) -> Finding {
    if alone.is_empty() {
        return Finding::ok(NAME, format!("none of {watched} is mounted on its own"));
    }
    let names: Vec<String> = alone
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    let seen = format!(
        "mounted on its own, so a file that replaces it on the host is never seen: {}",
        names.join(", ")
    );
    let advice = "mount the folder that it is in (in Kubernetes: no subPath)";
    Finding::warning(NAME, seen, advice)
}

/// The fifth field of each line.
fn mount_points(mounts: &[u8]) -> impl Iterator<Item = PathBuf> {
    let lines = mounts.split(|&byte| byte == b'\n');
    let field = |line: &[u8]| line.split(|&byte| byte == b' ').nth(4).map(unescaped);
    lines.filter_map(field)
}

/// Blanks, line ends and backslashes are written as `\` and three octal digits.
fn unescaped(field: &[u8]) -> PathBuf {
    let mut path = Vec::with_capacity(field.len());
    let mut rest = field;
    loop {
        rest = match rest {
            [
                b'\\',
                a @ b'0'..=b'3',
                b @ b'0'..=b'7',
                c @ b'0'..=b'7',
                tail @ ..,
            ] => {
                path.push(((a - b'0') << 6) | ((b - b'0') << 3) | (c - b'0'));
                tail
            }
            [byte, tail @ ..] => {
                path.push(*byte);
                tail
            }
            [] => return OsString::from_vec(path).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::finding::Level, *};

    const SOME: &[u8] = b"\
25 30 0:23 / /proc rw,nosuid shared:5 - proc proc rw
36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
40 30 8:1 /home/a/doorward.toml /etc/doorward/doorward.toml ro,relatime - ext4 /dev/sda1 rw
41 30 8:1 /x /a\\040folder/with\\134\\011all\\012\\303\\244 ro - ext4 /dev/sda1 rw
\n";

    #[test]
    fn mount_points_are_read_with_their_escapes() {
        let found: Vec<PathBuf> = mount_points(SOME).collect();
        let expected = [
            "/proc",
            "/mnt2",
            "/etc/doorward/doorward.toml",
            "/a folder/with\\\tall\n\u{e4}",
        ];
        assert_eq!(found, expected.map(PathBuf::from));
    }

    #[test]
    fn what_is_no_escape_stays_and_short_lines_are_passed_over() {
        assert_eq!(unescaped(b"/a\\04"), Path::new("/a\\04"));
        assert_eq!(unescaped(b"/a\\999"), Path::new("/a\\999"));
        assert_eq!(mount_points(b"1 2 3\n\n25").count(), 0);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_that_is_mounted_is_warned_of_and_a_folder_is_not() {
        // What every Linux has mounted.
        let found = |file: &str| check(&BTreeSet::from([PathBuf::from(file)]));
        assert_eq!(found("/proc").level(), Level::Warning);
        assert!(found("/proc").text().contains("never seen: /proc"));
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(found(file.path().to_str().unwrap()).level(), Level::Ok);
        assert_eq!(found("/there/is/none").level(), Level::Ok);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_link_is_followed_to_what_is_mounted() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/proc", &link).unwrap();
        assert_eq!(check(&BTreeSet::from([link])).level(), Level::Warning);
    }
}

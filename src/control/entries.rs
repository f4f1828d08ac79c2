//! Which directory entries decide what a path reads: the file's own, and every link on the way.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

/// As many links as Linux follows (`path_resolution(7)`).
const LINKS: usize = 40;

/// The entries whose change can change what `path` reads, each as a path whose parent is free of
/// links: every symbolic link that is followed and the file itself (or what stands in its place),
/// or the first name that does not exist. Watching the parents of these sees a rename, a Kubernetes `..data` swap, and a
/// directory that appears later.
pub(super) fn entries(path: &Path) -> Vec<PathBuf> {
    // Fails only without a working directory; then nothing relative can be read either.
    let Ok(path) = std::path::absolute(path) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut links = 0;
    let mut at = PathBuf::new();
    let mut left: VecDeque<Step> = steps(&path).collect();
    while let Some(step) = left.pop_front() {
        let name = match step {
            Step::Root(root) => {
                at = root;
                continue;
            }
            Step::Up => {
                at.pop();
                continue;
            }
            Step::Down(name) => name,
        };
        let entry = at.join(name);
        let Ok(metadata) = entry.symlink_metadata() else {
            found.push(entry);
            break;
        };
        if metadata.is_symlink() {
            links += 1;
            let target = entry.read_link().unwrap_or_default();
            found.push(entry);
            if links > LINKS {
                break;
            }
            for step in steps(&target).collect::<Vec<_>>().into_iter().rev() {
                left.push_front(step);
            }
        } else if metadata.is_dir() && !left.is_empty() {
            at = entry;
        } else {
            found.push(entry);
            break;
        }
    }
    found
}

enum Step {
    Root(PathBuf),
    Up,
    Down(OsString),
}

fn steps(path: &Path) -> impl Iterator<Item = Step> {
    path.components().filter_map(|component| match component {
        Component::RootDir | Component::Prefix(_) => {
            Some(Step::Root(PathBuf::from(component.as_os_str())))
        }
        Component::CurDir => None,
        Component::ParentDir => Some(Step::Up),
        Component::Normal(name) => Some(Step::Down(name.to_owned())),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn home() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().canonicalize().unwrap();
        (dir, real)
    }

    #[test]
    fn a_plain_file_is_its_own_entry() {
        let (_dir, home) = home();
        fs::write(home.join("a"), "").unwrap();
        assert_eq!(entries(&home.join("a")), [home.join("a")]);
        assert_eq!(
            entries(&home.join("./x/../a")),
            [home.join("x")],
            "x is not there"
        );
    }

    #[test]
    fn of_a_path_that_is_not_there_the_first_missing_name_counts() {
        let (_dir, home) = home();
        assert_eq!(
            entries(&home.join("secrets/deep/key")),
            [home.join("secrets")]
        );
    }

    #[test]
    fn a_directory_in_the_files_place_is_watched_for_its_end() {
        let (_dir, home) = home();
        fs::create_dir(home.join("a")).unwrap();
        assert_eq!(entries(&home.join("a")), [home.join("a")]);
    }

    #[test]
    fn the_kubernetes_layout_has_three_entries() {
        let (_dir, home) = home();
        fs::create_dir(home.join("..2026")).unwrap();
        fs::write(home.join("..2026/key"), "").unwrap();
        symlink("..2026", home.join("..data")).unwrap();
        symlink("..data/key", home.join("key")).unwrap();
        let expected = ["key", "..data", "..2026/key"].map(|name| home.join(name));
        assert_eq!(entries(&home.join("key")), expected);
    }

    #[test]
    fn absolute_and_climbing_links_are_followed() {
        let (_dir, home) = home();
        fs::create_dir_all(home.join("a/b")).unwrap();
        fs::write(home.join("file"), "").unwrap();
        symlink("../../file", home.join("a/b/up")).unwrap();
        symlink(home.join("a/b/up"), home.join("far")).unwrap();
        let expected = ["far", "a/b/up", "file"].map(|name| home.join(name));
        assert_eq!(entries(&home.join("far")), expected);
    }

    #[test]
    fn a_loop_of_links_ends() {
        let (_dir, home) = home();
        symlink("b", home.join("a")).unwrap();
        symlink("a", home.join("b")).unwrap();
        assert_eq!(entries(&home.join("a")).len(), LINKS + 1);
    }
}

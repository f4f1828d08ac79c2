//! How many workers `workers = "auto"` means.

use std::num::NonZeroUsize;
use std::thread;

/// The cores that this process may use: those it is bound to, or fewer where a CPU quota says so.
///
/// The standard library reads the affinity mask and walks the control groups upwards (`cpu.max`,
/// or `cpu.cfs_quota_us` in version 1), rounding a quota down: two workers with 1.5 cores would
/// only get in each other's way. Where the system does not tell, one.
#[must_use]
pub fn available() -> NonZeroUsize {
    thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_process_bound_to_one_core_counts_one() {
        const CHILD: &str = "DOORWARD_TEST_COUNT_CORES";
        if std::env::var_os(CHILD).is_some() {
            println!("cores={}", available());
            return;
        }
        let this_test = "runtime::cores::tests::a_process_bound_to_one_core_counts_one";
        let output = Command::new("taskset")
            .args(["--cpu-list", "0"])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", this_test, "--nocapture"])
            .env(CHILD, "1")
            .output()
            .unwrap();
        assert!(String::from_utf8_lossy(&output.stdout).contains("cores=1\n"));
    }
}

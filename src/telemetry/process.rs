//! The process as the system sees it, under the names that every Prometheus client uses.

use std::fs;

use super::exposition::Exposition;

/// Clock ticks a second in `/proc`: fixed by Linux's ABI towards programs.
const TICKS: u64 = 100;

/// Writes what the system tells; nothing where it does not.
pub(super) fn render(page: &mut Exposition) {
    if let Some(ticks) = cpu_ticks(&read("stat")) {
        let seconds = format!("{}.{:02}", ticks / TICKS, ticks % TICKS);
        let help = "Processor time used, user and system.";
        page.single("process_cpu_seconds_total", "counter", help, seconds);
    }
    if let Some(kib) = resident_kib(&read("status")) {
        let name = "process_resident_memory_bytes";
        page.single(name, "gauge", "Resident memory.", kib * 1024);
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        // One of them is the directory being read.
        let open = open.count().saturating_sub(1);
        page.single("process_open_fds", "gauge", "Open file descriptors.", open);
    }
    if let Some(max) = max_descriptors(&read("limits")) {
        page.single(
            "process_max_fds",
            "gauge",
            "Limit of file descriptors.",
            max,
        );
    }
}

fn read(file: &str) -> String {
    fs::read_to_string(format!("/proc/self/{file}")).unwrap_or_default()
}

/// `utime` and `stime` of `/proc/PID/stat`, counted after the name, which may hold anything.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(") ")?;
    let mut fields = after_name.split(' ').skip(11).map(str::parse::<u64>);
    Some(fields.next()?.ok()? + fields.next()?.ok()?)
}

fn resident_kib(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

fn max_descriptors(limits: &str) -> Option<u64> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_read_behind_any_process_name() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 900 0 0 0 12 34 0 0 20 0 3 0 99 1000 200";
        assert_eq!(cpu_ticks(stat), Some(46));
    }

    #[test]
    fn memory_and_descriptors_are_read() {
        assert_eq!(resident_kib("Name:\tx\nVmRSS:\t    5124 kB\n"), Some(5124));
        let limits = "Limit  Soft Limit  Hard Limit  Units\nMax open files  1024  524288  files\n";
        assert_eq!(max_descriptors(limits), Some(1024));
        assert_eq!(max_descriptors(""), None);
    }
}

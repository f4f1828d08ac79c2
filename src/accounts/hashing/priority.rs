//! The priority of threads that hash: behind the workers, for whom everybody waits.

use std::io;

/// What a batch job runs with (`nice`(1)).
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// Lowers the priority of this thread. Only Linux has one for each thread (`sched`(7)); elsewhere it
/// would be that of the workers as well, and nothing is done.
///
/// # Errors
/// When the system refuses.
pub(super) fn lower() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICENESS)?;
    Ok(())
}

//! The one way out for log lines: a thread that writes, and a queue that never blocks anybody.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// What may wait for a slow reader, in bytes; beyond it, lines are dropped and counted.
const QUEUE: usize = 4 * 1024 * 1024;

/// What a batch costs in the queue besides its text.
const BATCH_OVERHEAD: usize = 64;

/// Written batches that are kept for their memory: a large buffer that is freed is given back to
/// the system, and the next one is a run of page faults.
const SPARES: usize = 8;

/// A smaller buffer is not worth keeping.
const LARGE: usize = 16 * 1024;

/// How often the writer complains of dropped lines, at most.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(10);

/// What a complaint takes in the queue, at most: into a full one it would be dropped itself.
const COMPLAINT_SIZE: usize = 1024;

/// How long the writer waits where the descriptor does not block but is full.
const RETRY: Duration = Duration::from_millis(10);

/// Where log lines go. Clones feed the same writer.
///
/// Handing lines over never waits for the output: when nobody reads the output, lines are
/// dropped once 4 MiB wait, and [`LogSink::dropped`] tells how many.
#[derive(Clone, Debug)]
pub struct LogSink {
    queue: Sender<Message>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    queued_bytes: AtomicUsize,
    dropped_lines: AtomicU64,
    /// Never waited for.
    spares: Mutex<Vec<Vec<u8>>>,
}

#[derive(Debug)]
enum Message {
    Lines(Vec<u8>),
    Flush(SyncSender<()>),
}

impl LogSink {
    /// Writes to the standard output, unbuffered and without its lock.
    ///
    /// # Errors
    ///
    /// When the standard output cannot be duplicated.
    pub fn stdout() -> io::Result<Self> {
        Ok(Self::new(File::from(
            io::stdout().as_fd().try_clone_to_owned()?,
        )))
    }

    /// Writes to `output` from a thread of its own, which ends with the last clone.
    ///
    /// Where the system refuses the thread, every line counts as dropped.
    #[must_use]
    pub fn new(output: impl Write + Send + 'static) -> Self {
        let (queue, messages) = mpsc::channel();
        let shared = Arc::new(Shared {
            queued_bytes: AtomicUsize::new(0),
            dropped_lines: AtomicU64::new(0),
            spares: Mutex::default(),
        });
        let writer = Writer {
            output,
            shared: Arc::clone(&shared),
            complained: None,
            unfinished: Vec::new(),
        };
        // Without a thread the receiver is gone, and every send fails and is counted.
        let _ = thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || writer.run(&messages));
        Self { queue, shared }
    }

    /// Hands over whole lines, each with its newline; drops them when too much is waiting.
    pub fn write(&self, lines: Vec<u8>) {
        if lines.is_empty() {
            return;
        }
        let cost = lines.len() + BATCH_OVERHEAD;
        if self.shared.queued_bytes.fetch_add(cost, Ordering::Relaxed) + cost > QUEUE {
            self.shared.queued_bytes.fetch_sub(cost, Ordering::Relaxed);
            self.shared.drop_lines(&lines);
        } else if let Err(mpsc::SendError(Message::Lines(lines))) =
            self.queue.send(Message::Lines(lines))
        {
            self.shared.drop_lines(&lines);
        }
    }

    /// An empty buffer for a batch of at least this many bytes.
    pub(super) fn buffer(&self, capacity: usize) -> Vec<u8> {
        let spare = self.shared.spares.try_lock().ok();
        let mut buffer = spare
            .and_then(|mut spares| spares.pop())
            .unwrap_or_default();
        buffer.reserve_exact(capacity);
        buffer
    }

    /// How many lines were lost: too much was waiting, or the output broke.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.shared.dropped_lines.load(Ordering::Relaxed)
    }

    /// Waits until all that was handed over before is written, for `limit` at most.
    ///
    /// For the end of the process; it blocks the thread.
    pub fn flush_blocking(&self, limit: Duration) {
        let (done, wait) = mpsc::sync_channel(1);
        if self.queue.send(Message::Flush(done)).is_ok() {
            let _ = wait.recv_timeout(limit);
        }
    }
}

impl Shared {
    fn drop_lines(&self, lines: &[u8]) {
        let count = lines.split_inclusive(|byte| *byte == b'\n').count();
        self.dropped_lines
            .fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn has_room_for(&self, bytes: usize) -> bool {
        self.queued_bytes.load(Ordering::Relaxed) + bytes <= QUEUE
    }

    fn keep(&self, mut buffer: Vec<u8>) {
        if buffer.capacity() >= LARGE
            && let Ok(mut spares) = self.spares.try_lock()
            && spares.len() < SPARES
        {
            buffer.clear();
            spares.push(buffer);
        }
    }
}

struct Writer<W> {
    output: W,
    shared: Arc<Shared>,
    /// When dropped lines were last complained of, and how many there were then.
    complained: Option<(Instant, u64)>,
    /// The rest of a line that broke off.
    unfinished: Vec<u8>,
}

impl<W: Write> Writer<W> {
    fn run(mut self, messages: &Receiver<Message>) {
        while let Ok(message) = messages.recv() {
            match message {
                Message::Lines(lines) => {
                    let cost = lines.len() + BATCH_OVERHEAD;
                    // A broken output (a closed pipe) may come back no more, but the service must
                    // live on: its lines count as dropped.
                    let written = self.write_lines(&lines);
                    self.shared.queued_bytes.fetch_sub(cost, Ordering::Relaxed);
                    match written {
                        Ok(()) => self.complain(),
                        Err(written) => {
                            self.shared
                                .drop_lines(lines.get(written..).unwrap_or_default());
                        }
                    }
                    self.shared.keep(lines);
                }
                Message::Flush(done) => {
                    let _ = self.output.flush();
                    let _ = done.send(());
                }
            }
        }
    }

    /// Writes whole lines; how much of them was written, or will be, when the output breaks. A line
    /// that broke off is finished first when it is whole again.
    fn write_lines(&mut self, lines: &[u8]) -> Result<(), usize> {
        if let Err(written) = write_all(&mut self.output, &self.unfinished) {
            self.unfinished.drain(..written);
            return Err(0);
        }
        self.unfinished.clear();
        write_all(&mut self.output, lines).map_err(|written| {
            let is_within = written
                .checked_sub(1)
                .is_some_and(|last| lines.get(last) != Some(&b'\n'));
            let rest = lines.get(written..).filter(|_| is_within);
            let rest = rest.and_then(|rest| rest.split_inclusive(|byte| *byte == b'\n').next());
            self.unfinished.extend_from_slice(rest.unwrap_or_default());
            written + self.unfinished.len()
        })
    }

    /// Says in the log that lines are missing from it.
    fn complain(&mut self) {
        let dropped = self.shared.dropped_lines.load(Ordering::Relaxed);
        let (last, known) = self
            .complained
            .map_or((None, 0), |(at, known)| (Some(at), known));
        let is_due = last.is_none_or(|last| last.elapsed() >= COMPLAINT_INTERVAL);
        if dropped > known && is_due && self.shared.has_room_for(COMPLAINT_SIZE) {
            self.complained = Some((Instant::now(), dropped));
            tracing::warn!(
                lines = dropped - known,
                "log lines were dropped: nobody read them fast enough"
            );
        }
    }
}

/// As [`Write::write_all`], but patient with a descriptor that someone set not to block; and it
/// says how much was written when the output breaks.
fn write_all(output: &mut impl Write, bytes: &[u8]) -> Result<(), usize> {
    let mut written = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        match output.write(rest) {
            Ok(0) => return Err(written),
            Ok(more) => written += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(RETRY),
            Err(_) => return Err(written),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    #[test]
    fn lines_come_out_in_their_order() {
        let (mut reader, writer) = io::pipe().unwrap();
        let sink = LogSink::new(writer);
        sink.write(b"one\n".to_vec());
        sink.write(b"two\n".to_vec());
        sink.flush_blocking(PATIENCE);
        drop(sink);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "one\ntwo\n");
    }

    #[test]
    fn a_pipe_that_nobody_reads_blocks_nobody_and_loses_a_counted_number_of_lines() {
        let (reader, writer) = io::pipe().unwrap();
        let sink = LogSink::new(writer);
        let line = [vec![b'x'; 1023], vec![b'\n']].concat();
        let sent = 3 * QUEUE / line.len();
        for _ in 0..sent {
            sink.write(line.clone());
        }
        let asked = Instant::now();
        sink.flush_blocking(Duration::from_millis(50));
        assert!(asked.elapsed() < PATIENCE);
        let dropped = usize::try_from(sink.dropped()).unwrap();
        assert!(dropped > sent / 2 && dropped < sent);
        // Once somebody reads, all that was accepted is there.
        drop(sink);
        assert_eq!(BufReader::new(reader).lines().count(), sent - dropped);
    }

    #[test]
    fn a_written_batch_leaves_its_memory_to_the_next() {
        let sink = LogSink::new(io::sink());
        let mut buffer = sink.buffer(LARGE);
        buffer.extend_from_slice(b"one\n");
        let memory = buffer.as_ptr();
        sink.write(buffer);
        sink.flush_blocking(PATIENCE);
        let next = sink.buffer(LARGE);
        assert_eq!((next.as_ptr(), next.len()), (memory, 0));
    }

    /// Takes so many bytes, then nothing for one write, then everything.
    struct FullOnce {
        room: usize,
        was_full: bool,
        taken: io::PipeWriter,
    }

    impl Write for FullOnce {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.was_full {
                return self.taken.write(bytes);
            }
            self.was_full = self.room == 0;
            if self.was_full {
                return Err(ErrorKind::StorageFull.into());
            }
            let count = self.room.min(bytes.len());
            self.room -= count;
            self.taken.write(bytes.get(..count).unwrap_or_default())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_that_broke_off_takes_no_other_with_it() {
        let (mut reader, taken) = io::pipe().unwrap();
        let (room, was_full) = (6, false);
        let sink = LogSink::new(FullOnce {
            room,
            was_full,
            taken,
        });
        sink.write(b"one\ntwo\nthree\n".to_vec());
        sink.write(b"four\n".to_vec());
        sink.flush_blocking(PATIENCE);
        assert_eq!(sink.dropped(), 1);
        drop(sink);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "one\ntwo\nfour\n");
    }

    #[test]
    fn a_complaint_waits_until_it_is_not_dropped_itself() {
        let shared = Arc::new(Shared {
            queued_bytes: AtomicUsize::new(QUEUE),
            dropped_lines: AtomicU64::new(5),
            spares: Mutex::default(),
        });
        let mut writer = Writer {
            output: io::sink(),
            shared: Arc::clone(&shared),
            complained: None,
            unfinished: Vec::new(),
        };
        writer.complain();
        assert!(writer.complained.is_none());
        shared.queued_bytes.store(0, Ordering::Relaxed);
        writer.complain();
        assert_eq!(writer.complained.map(|(_, known)| known), Some(5));
    }

    #[test]
    fn a_closed_pipe_counts_its_lines_as_dropped_and_is_not_fatal() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let sink = LogSink::new(writer);
        sink.write(b"one\ntwo\n".to_vec());
        sink.flush_blocking(PATIENCE);
        assert_eq!(sink.dropped(), 2);
    }
}

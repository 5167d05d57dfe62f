//! Standard output, whose reader may be slow, or leave at any time (`| head`).

use std::fmt::Display;
use std::io::{self, BufWriter, Write};
use std::thread::{self, JoinHandle};

use tokio::sync::mpsc;

/// Lines that wait for a slow reader, before the node has to wait too.
const LINES_MAX: usize = 64;

/// Writes lines on a thread of its own: a reader that stops must not stop heartbeats and signals.
pub(super) struct Lines {
    sender: mpsc::Sender<Vec<u8>>,
    thread: JoinHandle<io::Result<()>>,
}

impl Lines {
    pub(super) fn start() -> io::Result<Self> {
        let (sender, receiver) = mpsc::channel(LINES_MAX);
        let thread = thread::Builder::new().name("output".to_owned()).spawn(move || write_all(receiver))?;
        Ok(Self { sender, thread })
    }

    /// Takes a line, without its end. False when nobody reads any more.
    pub(super) async fn write(&self, mut line: Vec<u8>) -> bool {
        line.push(b'\n');
        self.sender.send(line).await.is_ok()
    }

    /// Waits until everything is written.
    pub(super) fn finish(self) -> io::Result<()> {
        drop(self.sender);
        self.thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread of the output panicked")))
    }
}

/// Flushes whenever no further line waits, so that each is seen as it comes.
fn write_all(mut lines: mpsc::Receiver<Vec<u8>>) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    while let Some(line) = lines.blocking_recv() {
        out.write_all(&line)?;
        while let Ok(line) = lines.try_recv() {
            out.write_all(&line)?;
        }
        out.flush()?;
    }
    Ok(())
}

/// Says a sentence on standard error. That it may be closed is no reason to panic.
pub(super) fn tell(kind: &str, sentence: impl Display) {
    let _ = writeln!(io::stderr(), "{kind}: {sentence}");
}

/// An error and its causes, those left out that it names itself.
pub(super) fn sentence(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |sentence, cause| match sentence.as_str() {
        "" => cause,
        told if told.contains(&cause) => sentence,
        told => format!("{told}: {cause}"),
    })
}

/// Whether all that went wrong is that nobody reads our output any more, which is no failure.
pub(super) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Resolves when the reader of standard output has left; never where that cannot be told.
///
/// Without it a command that has nothing to say would outlive `| head -1` until its next line.
#[cfg(target_os = "linux")]
pub(super) async fn reader_left() {
    use tokio::io::Interest;
    use tokio::net::unix::pipe;

    // Opened anew, so that standard output itself does not become non-blocking, here and for whoever shares it.
    let Ok(pipe) = pipe::OpenOptions::new().open_sender("/proc/self/fd/1") else {
        return std::future::pending().await;
    };
    if pipe.ready(Interest::ERROR).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Resolves never: the next write tells.
#[cfg(not(target_os = "linux"))]
pub(super) async fn reader_left() {
    std::future::pending::<()>().await;
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn a_cause_is_told_once() {
        let cause = || anyhow::Error::from(std::io::Error::other("no route"));
        assert_eq!(sentence(&cause().context("cannot reach it")), "cannot reach it: no route");
        let twice = Err::<(), _>(cause()).context("cannot reach it: no route, try another").unwrap_err();
        assert_eq!(sentence(&twice), "cannot reach it: no route, try another");
    }
}

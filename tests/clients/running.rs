//! A client as a process of its own, and the lines that it prints.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, mpsc};
use std::thread;

use crate::harness::PATIENCE;

/// Killed when it is dropped.
pub struct Running {
    child: Mutex<Child>,
    lines: mpsc::Receiver<String>,
    complaints: mpsc::Receiver<String>,
}

impl Running {
    pub fn start(command: &mut Command) -> Self {
        Self::hearing(command, Stdio::null())
    }

    /// One that is told lines by [`Self::tell`].
    pub fn told(command: &mut Command) -> Self {
        Self::hearing(command, Stdio::piped())
    }

    fn hearing(command: &mut Command, input: Stdio) -> Self {
        let started = command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = started.unwrap_or_else(|error| match error.kind() {
            ErrorKind::NotFound => panic!("{} is missing: install it", command.get_program().display()),
            _ => panic!("{command:?}: {error}"),
        });
        let lines = sent(child.stdout.take().expect("standard output is piped"));
        let complaints = sent(child.stderr.take().expect("standard error is piped"));
        Self { child: Mutex::new(child), lines, complaints }
    }

    /// Gives it a line of input.
    pub fn tell(&self, line: &str) {
        let mut child = self.child.lock().expect("nobody panics with it");
        let input = child.stdin.as_mut().expect("it was started to be told");
        writeln!(input, "{line}").expect("it still listens");
    }

    /// The next line that it prints.
    pub fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).unwrap_or_else(|_| {
            panic!("nothing more is printed: {}", self.complaints.try_iter().collect::<Vec<_>>().join("\n"))
        })
    }

    /// The next lines that it prints are these.
    #[track_caller]
    pub fn prints(&self, lines: &[&str]) {
        for line in lines {
            assert_eq!(self.line(), *line);
        }
    }

    /// It prints no more and ends by itself.
    pub fn ends(&self) {
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            assert!(line.is_empty() || line.starts_with(':'), "{line} came after the line was cut");
        }
        self.child.lock().expect("nobody panics with it").wait().expect("it is our child");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let child = self.child.get_mut().expect("nobody panics with it");
        // It may have ended by itself.
        let _ = child.kill();
        let _ = child.wait();
    }
}

fn sent(from: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let lines = BufReader::new(from).lines().map_while(Result::ok);
        // A test that is over listens no more.
        let _ = lines.map(|line| sender.send(line)).find(Result::is_err);
    });
    receiver
}

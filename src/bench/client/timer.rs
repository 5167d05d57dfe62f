//! Wakes a poll at a moment, to microseconds. The poll's own time-out has milliseconds, which would stand in every latency,
//! and to spin instead would take a core from whom it measures.

use std::io;
use std::time::Duration;

use mio::{Registry, Token};

/// See the module. Where there is no such timer the time-out has to do.
#[derive(Debug)]
pub(crate) struct Timer(#[cfg(target_os = "linux")] std::os::fd::OwnedFd);

#[cfg(target_os = "linux")]
impl Timer {
    pub(crate) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        use std::os::fd::AsRawFd as _;

        use mio::unix::SourceFd;
        use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};

        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        registry.register(&mut SourceFd(&timer.as_raw_fd()), token, mio::Interest::READABLE)?;
        Ok(Self(timer))
    }

    /// Wakes once after this time, whatever was asked before.
    pub(crate) fn set(&self, after: Duration) -> io::Result<()> {
        use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec, timerfd_settime};

        // A time of nothing would disarm it.
        let after = after.max(Duration::from_nanos(1));
        let it_value = Timespec { tv_sec: after.as_secs() as _, tv_nsec: after.subsec_nanos().into() };
        let it_interval = Timespec { tv_sec: 0, tv_nsec: 0 };
        timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &Itimerspec { it_interval, it_value })?;
        Ok(())
    }
}

#[cfg(not(target_os = "linux"))]
impl Timer {
    pub(crate) fn new(_: &Registry, _: Token) -> io::Result<Self> {
        Ok(Self())
    }

    pub(crate) fn set(&self, _: Duration) -> io::Result<()> {
        Ok(())
    }
}

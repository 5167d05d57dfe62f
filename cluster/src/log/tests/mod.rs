//! The log as a whole, over disks that fail.

mod bench;
mod crash;
mod faults;
mod real;
mod rot;

//! The log as a whole, over disks that fail.

mod attended;
mod bench;
mod crash;
mod faults;
mod real;
mod rot;

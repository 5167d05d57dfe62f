//! What prints a [`Report`](super::Report): a summary for the terminal, JSON for programs, a page with plots for people. Pure:
//! a report goes in and text comes out; who writes it where is the command's business. A report holds what strangers said (a
//! peer names its own version), so every form escapes what it takes from it.

mod date;
mod html;
mod json;
mod number;
#[cfg(test)]
mod sample;
mod sparkline;
mod terminal;
mod thinned;

pub(crate) use html::html;
pub(crate) use json::json;
pub(crate) use terminal::{Ink, terminal};

//! Properties: whatever comes in gives a value or a typed error, and what is written reads back.

mod bytes;
mod json;
mod messages;

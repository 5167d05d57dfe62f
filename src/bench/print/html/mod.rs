//! Reports as a page: one file that opens from disk with nothing else. It has no script and asks for nothing; its plots are
//! drawn here, as SVG whose curves stretch with the page while words and lines keep their size.

mod axis;
mod bars;
mod comparison;
mod curves;
mod markup;
mod names;
mod page;
mod plot;
mod run;
mod settings;

pub(crate) use page::html;

//! In which form a watch is wanted, out of the `Accept` header (RFC 9110, 12.5.1).

/// The three forms of a watch over plain HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `text/event-stream`.
    Sse,
    /// `application/x-ndjson`: an event a line.
    Ndjson,
    /// Anything else: one answer as soon as there is something.
    LongPoll,
}

impl Form {
    /// The form with the greatest weight, the first of equals.
    pub(super) fn of(accept: &str) -> Self {
        let mut best = (Self::LongPoll, 0.0);
        for range in accept.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let form = match parts.next().unwrap_or_default().to_ascii_lowercase().as_str() {
                "text/event-stream" => Self::Sse,
                "application/x-ndjson" | "application/ndjson" => Self::Ndjson,
                "application/json" => Self::LongPoll,
                _ => continue,
            };
            let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(Some(1.0), |q| q.parse().ok());
            match weight {
                Some(weight) if weight > best.1 => best = (form, weight),
                _ => {}
            }
        }
        best.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wanted_form_is_found_among_others() {
        for (accept, form) in [
            ("text/event-stream", Form::Sse),
            ("Text/Event-Stream; charset=utf-8", Form::Sse),
            ("application/x-ndjson", Form::Ndjson),
            ("*/*", Form::LongPoll),
            ("", Form::LongPoll),
            ("text/html, application/json;q=0.9, */*", Form::LongPoll),
            ("application/json;q=0.5, text/event-stream", Form::Sse),
            ("application/json, text/event-stream;q=0.5", Form::LongPoll),
            ("application/x-ndjson;q=0.7,text/event-stream;q=0.8", Form::Sse),
            ("text/event-stream;q=0", Form::LongPoll),
            ("text/event-stream;q=x, application/x-ndjson;q=0.1", Form::Ndjson),
        ] {
            assert_eq!(Form::of(accept), form, "{accept}");
        }
    }
}
